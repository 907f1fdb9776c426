package org.libfovea;

import java.util.List;

/**
 * The values that a backend takes: min &lt;= value &lt;= max, a multiple of multipleOf; and one of values, if there
 * are any.
 *
 * @param min smallest value
 * @param max largest value
 * @param multipleOf at least 1
 * @param values the only values, ascending; empty = any within the bounds
 */
public record Bounds(int min, int max, int multipleOf, List<Integer> values) {}
