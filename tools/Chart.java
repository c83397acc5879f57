import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Draws the ratios of a comparison: {@code java tools/Chart.java rows.jsonl > picture.svg}, from
 * what {@code bench/compare --json rows.jsonl} has written.
 */
final class Chart {
  private static final int WIDTH = 720;
  private static final int LEFT = 250;
  private static final int TOP = 76;
  private static final int BAR = 13;
  private static final int ROW = 2 * BAR + 14;
  private static final double MOST = 6;
  private static final String[] COLOURS = {"#7b4b2a", "#c9a27a"};
  private static final List<String> PEERS = List.of("llama.cpp", "ik_llama.cpp");

  private Chart() {}

  /** A peer in one piece of work: the median of Moka's ratios to it. */
  private record Bar(String peer, double ratio) {}

  /** Takes the file of rows. */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 1 || !Files.isRegularFile(Path.of(arguments[0]))) {
      System.err.println(
          "usage: java tools/Chart.java rows.jsonl > picture.svg; bench/compare --json makes"
              + " rows.jsonl");
      System.exit(2);
    }
    Map<String, List<Bar>> works = new LinkedHashMap<>();
    String chip = "";
    String inputs = "";
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String peer = field(line, "engine");
      if (peer.equals("moka")) {
        String precision = field(line, "precision");
        inputs = precision.startsWith("bf16 x bf16") ? ", bf16 inputs" : "";
        inputs += precision.endsWith("cache bf16") ? ", bf16 cache" : "";
      }
      if (!PEERS.contains(peer)) {
        continue;
      }
      chip = field(line, "chip") + ", family " + field(line, "chip_family");
      String name = title(field(line, "type"), field(line, "work")) + inputs;
      works.computeIfAbsent(name, key -> new ArrayList<>()).add(new Bar(peer, ratio(line)));
    }
    System.out.print(draw(works, chip));
  }

  private static String title(String type, String work) {
    String what =
        work.startsWith("prefill")
            ? "prompt of " + work.substring(7)
            : switch (work) {
              case "decode" -> "one sequence";
              case "decode+busy" -> "one, beside a busy process";
              default ->
                  work.contains("@")
                      ? "one, at " + work.substring(work.indexOf('@') + 1)
                      : work.substring(7) + " sequences";
            };
    return type.toUpperCase(Locale.ROOT) + ", " + what;
  }

  private static String field(String line, String name) {
    Matcher matcher = Pattern.compile('"' + name + "\": \"([^\"]*)\"").matcher(line);
    return matcher.find() ? matcher.group(1) : "";
  }

  private static double ratio(String line) {
    Matcher matcher = Pattern.compile("\"moka_ratios\": \\[([^\\]]*)\\]").matcher(line);
    if (!matcher.find() || matcher.group(1).isBlank()) {
      throw new IllegalArgumentException("a row without ratios: " + line);
    }
    double[] values =
        Pattern.compile(", *")
            .splitAsStream(matcher.group(1))
            .mapToDouble(Double::parseDouble)
            .sorted()
            .toArray();
    int middle = values.length / 2;
    return values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }

  private static String draw(Map<String, List<Bar>> works, String chip) {
    int height = TOP + works.size() * ROW + 16;
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d"
                + " %d\" role=\"img\" font-family=\"sans-serif\" font-size=\"13\">%n",
            WIDTH,
            height,
            WIDTH,
            height));
    svg.append("<title>Tokens a second of Moka, as a multiple of other engines</title>\n");
    svg.append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    text(svg, 16, 26, "#222222", " font-size=\"15\" font-weight=\"bold\"", "Times as fast as");
    text(svg, 16, 46, "#555555", "", "Qwen3-30B-A3B shapes, two threads, " + chip);
    for (int i = 0; i < PEERS.size(); i++) {
      int x = LEFT + i * 130;
      rectangle(svg, x, 14, BAR, BAR, COLOURS[i]);
      text(svg, x + BAR + 6, 26, "#222222", "", PEERS.get(i));
    }
    int y = TOP;
    for (Map.Entry<String, List<Bar>> work : works.entrySet()) {
      text(svg, 16, y + BAR + 4, "#222222", "", work.getKey());
      for (Bar bar : work.getValue()) {
        int which = PEERS.indexOf(bar.peer());
        int at = y + which * (BAR + 1);
        int length = x(bar.ratio()) - LEFT;
        rectangle(svg, LEFT, at, length, BAR, COLOURS[which]);
        String label = String.format(Locale.ROOT, "%.2f", bar.ratio());
        text(svg, LEFT + length + 5, at + BAR - 2, "#222222", " font-size=\"11\"", label);
      }
      y += ROW;
    }
    svg.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#222222\""
                + " stroke-dasharray=\"3 3\"/>%n",
            x(1),
            TOP - 8,
            x(1),
            y - 6));
    text(svg, x(1) - 4, TOP - 12, "#222222", " font-size=\"11\"", "1");
    return svg.append("</svg>\n").toString();
  }

  private static int x(double ratio) {
    return LEFT + (int) Math.round(Math.min(ratio, MOST) / MOST * (WIDTH - LEFT - 50));
  }

  private static void rectangle(
      StringBuilder svg, int x, int y, int width, int height, String fill) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>%n",
            x,
            y,
            width,
            height,
            fill));
  }

  private static void text(
      StringBuilder svg, int x, int y, String fill, String style, String text) {
    svg.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%d\" y=\"%d\" fill=\"%s\"%s>%s</text>%n",
            x,
            y,
            fill,
            style,
            text.replace("&", "&amp;").replace("<", "&lt;")));
  }
}
