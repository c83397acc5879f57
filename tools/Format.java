import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Lays out every Java source below the working directory with google-java-format, or checks that it
 * is so. The build runs it under the JDK that compiles Moka: the formatter reads sources with the
 * parser of the JDK it runs on, and the one that runs Maven may be too old for Java 25.
 */
final class Format {

  private Format() {}

  /** Takes one argument: {@code check}, which changes nothing, or {@code apply}. */
  public static void main(String[] args) throws IOException {
    boolean apply =
        switch (args.length == 1 ? args[0] : "") {
          case "apply" -> true;
          case "check" -> false;
          default -> throw new IllegalArgumentException("usage: Format check|apply");
        };
    List<Path> differing = sources().parallelStream().filter(file -> differs(file, apply)).toList();
    if (apply) {
      differing.forEach(file -> System.out.println("formatted " + file));
    } else if (!differing.isEmpty()) {
      differing.forEach(file -> System.err.println("not formatted: " + file));
      System.err.println("Format them with: mvn -N verify -Pformat");
      System.exit(1);
    }
  }

  private static List<Path> sources() throws IOException {
    try (Stream<Path> modules = Files.list(Path.of(""))) {
      return modules
          .map(module -> module.endsWith("tools") ? module : module.resolve("src"))
          .filter(Files::isDirectory)
          .flatMap(Format::javaFiles)
          .sorted()
          .toList();
    }
  }

  private static Stream<Path> javaFiles(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(file -> file.toString().endsWith(".java")).toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean differs(Path file, boolean apply) {
    try {
      String before = Files.readString(file);
      String after = new Formatter().formatSourceAndFixImports(before);
      if (apply && !after.equals(before)) {
        Files.writeString(file, after);
      }
      return !after.equals(before);
    } catch (FormatterException e) {
      throw new IllegalStateException(file + " cannot be read as Java: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
