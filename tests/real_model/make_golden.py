#!/usr/bin/env python3
"""Makes the golden files of the real-model test, with implementations that share nothing with the library or its example.

Token ids: the `tokenizers` package. Generated ids and logits: `transformers` on PyTorch, fp32, eager attention, on the
weights of the GGUF file dequantised by the `gguf` package. Greedy, one CPU thread, whole prompt first, then token by
token with its own KV cache.

Usage: make_golden.py MODEL.gguf OUTPUT_DIRECTORY     (README.md says in which environment)
"""
import importlib.metadata
import pathlib
import sys
import urllib.parse

import gguf
import tokenizers
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

# name, chat or raw, most tokens to generate, prompt
PROMPTS = [
    ("capital", "chat", 48, "What is the capital of France, and which river flows through it?"),
    ("story", "raw", 64, "Once upon a time, in a small village by the sea, there lived"),
    ("code", "raw", 64, "def fibonacci(n):\n    \"\"\"Return the first n Fibonacci numbers.\"\"\"\n"),
    ("unicode", "raw", 48, "La Tour Eiffel, située à Paris, mesure 330 mètres. Où se trouve-t-elle exactement ? 日本語 🎉\n"),
    ("planets", "chat", 96, "List the eight planets of the solar system, each with one fact about it."),
    ("long", "chat", 96, pathlib.Path(__file__).with_name("long_prompt.txt").read_text()),
]

# Strings that tokenizers get wrong, as plain text ...
TOKENIZER_CASES = [
    "", " ", "  ", "\n", "\n\n", " \n ", "\t\t", "\r\n", "a", " a", "  a", "   a", "a ", "a  ", "a   b", "\n a", "a\n", "a\n\nb",
    "Hello, world!", "hello  world", "HELLO WORLD", "it's we're I've I'm you'll he'd 'tis 'S 'LL it''s", "don't", "'", "''s",
    "1", "12", "123", " 1", " 12", "  12", "a1b22c333", "3.14159", "1,234,567.89", "1 2  3", "x=1\n  y = 2\n", "2024-01-31T12:00:00Z",
    "½ ² Ⅷ ٣ ४ 一二三 ①②", " ½", "a½b", "n²", "٣٤", "１２３",
    "naïve café Ångström ẞ ß", "e\u0301 (combining) n\u0303", "Ελληνικά кириллица עברית العربية हिन्दी ไทย", "日本語のテキスト、中文。한국어",
    "🎉🎊 👨‍👩‍👧‍👦 🏳️‍🌈", "👍🏽", "\u200b\u200d\ufeff", "a\u00a0b", "a\u3000b", "\u2003x", "x\u2028y", "x\u0085y", "\u00ad",
    "�", "\u0000", "\u0001\u001f\u007f", "\U0001d54f\U0001f9ff", "ﬀ ﬁ ǅ ʰ ª º",
    "    def f(x):\n        return x**2  # square\n", "<div class=\"a\">&nbsp;</div>", "C:\\path\\to\\file", "a_b-c.d/e@f#g$h%i^j&k*l(m)n",
    "!!!???...", " !", "  !", "!a", "! a", "----", "====\n====", "\"quoted\" 'single'", "http://example.com/?q=a+b&c=d%20e",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ab" * 300, " " * 130, "\n" * 70, "antidisestablishmentarianism",
    "supercalifragilisticexpialidocious Donaudampfschifffahrtsgesellschaftskapitän", "xqzjwk vbnmpl", "The quick brown fox jumps over the lazy dog.",
    "<|im_start", "<|im_end|", "<| im_end |>", "|>",
]
# ... and with special tokens recognised.
SPECIAL_CASES = [
    "<|im_start|>", "<|im_end|>\n", "a<|im_end|>b", "<|im_start|>user\nHi 12 <|im_end|>\n<|im_start|>assistant\n",
    "<|endoftext|><|endoftext|>", "<<|im_end|>>", " <|im_end|> ", "<repo_name>x<file_sep>y", "<|im_start|im_start|>", "1<|im_end|>2",
]
# Characters with bytes that have no token: those are left out.
LOSSY_CASES = ["a\u0004b", "\u0006", "\u0013 \u0014", "x\U00040000y", " \U000bffff", "th\u0016e"]


def escape(text):
    return urllib.parse.quote(text, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")


def make_tokenizer(path):
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    # As in the tokenizer that the model was published with: digits one by one, then the words of GPT-2.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL]
    plain = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return plain, tokenizer


def chat_text(prompt):
    messages = [("system", SYSTEM), ("user", prompt)]
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages) + "<|im_start|>assistant\n"


def generate(model, prompt_ids, most, end_ids):
    ids, logits, margins = [], [], []
    cache = transformers.DynamicCache()
    step = torch.tensor([prompt_ids])
    with torch.no_grad():
        while len(ids) < most:
            scores = model(input_ids=step, past_key_values=cache, use_cache=True).logits[0, -1].float()
            best = torch.topk(scores, 2)
            ids.append(int(best.indices[0]))
            logits.append(float(best.values[0]))
            margins.append(float(best.values[0] - best.values[1]))
            if ids[-1] in end_ids:
                break
            step = torch.tensor([[ids[-1]]])
    return ids, logits, margins


def main():
    path, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    made = (f"# made by make_golden.py with torch {torch.__version__}, transformers {transformers.__version__}, "
            f"tokenizers {tokenizers.__version__}, gguf {importlib.metadata.version('gguf')}\n")
    plain, special = make_tokenizer(str(path))

    with open(output / "tokenizer.txt", "w") as file:
        file.write(made + "# plain|special|lossy, number of ids, ids, text (bytes outside printable ASCII as %XX)\n")
        for kind, tokenizer, cases in (("plain", plain, TOKENIZER_CASES), ("special", special, SPECIAL_CASES),
                                       ("lossy", plain, LOSSY_CASES)):
            for text in cases:
                ids = tokenizer.encode(text, add_special_tokens=False).ids
                assert (tokenizer.decode(ids, skip_special_tokens=False) == text) == (kind != "lossy"), text
                file.write(" ".join([kind, str(len(ids)), *map(str, ids), escape(text)]) + "\n")

    torch.set_num_threads(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, torch_dtype=torch.float32, attn_implementation="eager").eval()
    assert model.config.rope_theta == 100000 and model.config.num_key_value_heads == 3, model.config
    end_ids = {special.token_to_id("<|im_end|>"), special.token_to_id("<|endoftext|>")}
    for name, kind, most, prompt in PROMPTS:
        text = chat_text(prompt) if kind == "chat" else prompt
        prompt_ids = (special if kind == "chat" else plain).encode(text, add_special_tokens=False).ids
        ids, logits, margins = generate(model, prompt_ids, most, end_ids)
        print(f"{name}: {len(prompt_ids)} + {len(ids)} tokens, smallest margin {min(margins):.4f}")
        print(special.decode(ids, skip_special_tokens=False))
        with open(output / f"{name}.txt", "w") as file:
            file.write(made)
            file.write(f"kind {kind}\nsystem {escape(SYSTEM)}\nprompt {escape(prompt)}\n")
            for key, values in (("prompt_ids", prompt_ids), ("generated_ids", ids)):
                file.write(" ".join([key, str(len(values)), *map(str, values)]) + "\n")
            for key, values in (("logits", logits), ("margins", margins)):
                file.write(" ".join([key, str(len(values)), *(f"{value:.5f}" for value in values)]) + "\n")


if __name__ == "__main__":
    main()
