package org.libfovea;

/**
 * One reason why a backend refuses a config.
 *
 * @param code its kind
 * @param sentence in words, e.g. "head_size not supported: ..."
 */
public record Reason(ReasonCode code, String sentence) {}
