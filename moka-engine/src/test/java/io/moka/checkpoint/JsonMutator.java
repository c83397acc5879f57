package io.moka.checkpoint;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Damages JSON as accidents do (bytes) and as attackers do (values). */
final class JsonMutator {
  private static final Pattern VALUE =
      Pattern.compile(
          "(?<=[:\\[,])\\s*(\"[^\"]*\"|-?[0-9][0-9.eE+-]*|true|false|null)(?=\\s*[,}\\]])");
  private static final Pattern PAIR =
      Pattern.compile("\"[^\"]*\"\\s*:\\s*(\"[^\"]*\"|[0-9.eE+-]+|true|false|null|\\[[^\\[\\]]*])");
  private static final Pattern NUMBER = Pattern.compile("(?<=[:\\[,\\s])[0-9]+(?=\\s*[,}\\]])");

  private static final String[] VALUES = {
    "null",
    "true",
    "0",
    "1",
    "-1",
    "3.0",
    "\"3\"",
    "1e999",
    "-0.0",
    "NaN",
    "Infinity",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "1".repeat(99),
    "1".repeat(5000),
    "4611686018427387904",
    "1048576",
    "16777216",
    "\"\"",
    "[]",
    "{}",
    "[[]]",
    "[0]",
    "[-1]",
    "[1,2,3]",
    "[9223372036854775807,9223372036854775807]",
    "{\"a\":1,\"a\":1}",
    "\"../../config.json\"",
    "\"../model.safetensors\"",
    "\"/dev/zero\"",
    "\"/etc/passwd.safetensors\"",
    "\"..\"",
    "\"a/b.safetensors\"",
    "\"model.safetensors\"",
    "\"model\\u0000.safetensors\"",
    "\"F64\"",
    "\"F32\"",
    "\"I8\"",
    "\"F4\"",
    "\"Q9\"",
    "\"mixtral\"",
    "\"qwen3_moe\"",
    "\"gelu\"",
    "\"\\ud800\"",
    "\"" + "x".repeat(3000) + "\"",
    "[".repeat(40) + "]".repeat(40),
    "[".repeat(20_000),
    "{\"a\":".repeat(2000) + "1" + "}".repeat(2000)
  };

  private final Random random;

  JsonMutator(Random random) {
    this.random = random;
  }

  byte[] mutate(byte[] json) {
    byte[] result = json;
    for (int times = 1 + random.nextInt(3); times > 0; times--) {
      result = random.nextInt(4) == 0 ? bytes(result) : text(result);
    }
    return result;
  }

  /** Flips, cuts, repeats or inserts bytes. */
  byte[] bytes(byte[] original) {
    int length = original.length;
    int at = random.nextInt(length + 1);
    int end = Math.min(length, at + 1 + random.nextInt(20));
    return switch (random.nextInt(5)) {
      case 0 -> {
        byte[] flipped = original.clone();
        if (length > 0) {
          flipped[random.nextInt(length)] ^= (byte) (1 << random.nextInt(8));
        }
        yield flipped;
      }
      case 1 -> Arrays.copyOf(original, at);
      case 2 -> join(Arrays.copyOf(original, at), Arrays.copyOfRange(original, end, length));
      case 3 -> join(Arrays.copyOf(original, end), Arrays.copyOfRange(original, at, length));
      default -> {
        byte[] noise = new byte[1 + random.nextInt(8)];
        random.nextBytes(noise);
        yield join(Arrays.copyOf(original, at), noise, Arrays.copyOfRange(original, at, length));
      }
    };
  }

  private byte[] text(byte[] original) {
    String text = new String(original, StandardCharsets.ISO_8859_1);
    String changed =
        switch (random.nextInt(4)) {
          case 0 -> replace(text, PAIR, pair -> pair + (random.nextBoolean() ? "," + pair : ""));
          case 1 -> replace(text, NUMBER, this::nearNumber);
          default -> replace(text, VALUE, value -> VALUES[random.nextInt(VALUES.length)]);
        };
    return changed.getBytes(StandardCharsets.ISO_8859_1);
  }

  private String nearNumber(String number) {
    if (number.length() > 18) {
      return "0";
    }
    long value = Long.parseLong(number);
    return switch (random.nextInt(6)) {
      case 0 -> Long.toString(value + 1);
      case 1 -> Long.toString(value - 1);
      case 2 -> Long.toString(value * 2);
      case 3 -> Long.toString(value << 40);
      case 4 -> value + ".0";
      default -> Long.toString(value + random.nextInt(64) - 32);
    };
  }

  private String replace(String text, Pattern pattern, UnaryOperator<String> change) {
    List<MatchResult> places = new ArrayList<>(pattern.matcher(text).results().toList());
    if (places.isEmpty()) {
      return text;
    }
    MatchResult place = places.get(random.nextInt(places.size()));
    return text.substring(0, place.start())
        + change.apply(place.group())
        + text.substring(place.end());
  }

  static byte[] join(byte[]... parts) {
    int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
    byte[] all = new byte[length];
    int at = 0;
    for (byte[] part : parts) {
      System.arraycopy(part, 0, all, at, part.length);
      at += part.length;
    }
    return all;
  }
}
