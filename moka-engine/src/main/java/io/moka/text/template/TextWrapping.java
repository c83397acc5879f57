package io.moka.text.template;

import java.util.ArrayList;
import java.util.List;

/** The filter wordwrap: lines of a least number at most so wide, broken at spaces and hyphens. */
final class TextWrapping {
  private TextWrapping() {}

  static Value filter(Environment env, Value in, Arguments args) {
    Arguments.Bound bound =
        args.bind("wordwrap", 0, "width", "break_long_words", "wrapstring", "break_on_hyphens");
    String text = TextFilters.requireText("wordwrap", in).value();
    int width = bound.integer("width", 79);
    if (width <= 0) {
      throw new EvaluationError("wordwrap needs a width above 0");
    }
    env.budget().steps(text.length());
    List<String> lines = new ArrayList<>();
    for (String line : TextSplitting.lines(text, false)) {
      List<String> chunks = chunks(line, bound.truth("break_on_hyphens", true));
      List<String> wrapped = wrap(chunks, width, bound.truth("break_long_words", true));
      // An empty line stays one.
      lines.addAll(wrapped.isEmpty() ? List.of("") : wrapped);
    }
    return Value.of(Texts.join(env.budget(), bound.text("wrapstring").orElse("\n"), lines));
  }

  /** Words, parts of words up to a hyphen, and the space between. */
  private static List<String> chunks(String line, boolean hyphens) {
    List<String> chunks = new ArrayList<>();
    int start = 0;
    for (int at = 1; at <= line.length(); at++) {
      boolean border =
          at == line.length()
              || Chars.isSpace(line.charAt(at)) != Chars.isSpace(line.charAt(at - 1))
              || hyphens && afterHyphen(line, at);
      if (border) {
        chunks.add(line.substring(start, at));
        start = at;
      }
    }
    return chunks;
  }

  private static boolean afterHyphen(String line, int at) {
    return at >= 3
        && line.charAt(at - 1) == '-'
        && Character.isLetter(line.charAt(at - 2))
        && Character.isLetter(line.charAt(at - 3))
        && at + 1 < line.length()
        && Character.isLetter(line.charAt(at))
        && Character.isLetter(line.charAt(at + 1));
  }

  private static List<String> wrap(List<String> chunks, int width, boolean breakLongWords) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String chunk : chunks) {
      boolean space = Chars.isSpace(chunk.charAt(0));
      int from = 0;
      while (from < chunk.length() && !(line.isEmpty() && space && !lines.isEmpty())) {
        int room = width - line.length();
        int left = chunk.length() - from;
        boolean breaks = left > width && (breakLongWords || line.isEmpty());
        if (left > room && !breaks) {
          flush(lines, line);
          continue;
        }
        int taken = breakLongWords || left <= room ? Math.min(room, left) : left;
        line.append(chunk, from, from + taken);
        from += taken;
        if (from < chunk.length()) {
          flush(lines, line);
        }
      }
    }
    flush(lines, line);
    return lines;
  }

  private static void flush(List<String> lines, StringBuilder line) {
    String text = Chars.stripEnd(line.toString(), Chars::isSpace);
    if (!text.isEmpty()) {
      lines.add(text);
    }
    line.setLength(0);
  }
}
