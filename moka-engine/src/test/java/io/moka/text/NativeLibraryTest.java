package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.PlatformException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs a tokenizer in processes of their own: the library is loaded once in each. */
class NativeLibraryTest {
  @TempDir Path folder;

  /** What the child process does. */
  static final class Probe {
    private Probe() {}

    public static void main(String[] args) throws IOException {
      try (Tokenizer tokenizer = Tokenizer.open(Path.of(args[0]))) {
        int plain = tokenizer.countTokens("Once upon a time<|im_end|>");
        int parsed = tokenizer.encode("Once upon a time<|im_end|>", true, true).length;
        Files.writeString(Path.of(args[1]), plain + " " + parsed);
      } catch (PlatformException e) {
        Files.writeString(Path.of(args[1]), e.getMessage());
      }
    }
  }

  private record Result(String answer, String output) {}

  private Result run(String... options) throws Exception {
    Path answer = folder.resolve("answer");
    Path output = folder.resolve("output");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(Arrays.asList(options));
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            Probe.class.getName(),
            Vocabularies.DEMO.toAbsolutePath().toString(),
            answer.toString()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.redirectOutput(output.toFile());
    builder.environment().put("HOME", folder.resolve("no-home").toString());
    builder.environment().put("DJL_OFFLINE", "false"); // must not matter
    int status = builder.start().waitFor();
    String printed = Files.readString(output, StandardCharsets.UTF_8);
    assertThat(status).as(printed).isZero();
    return new Result(Files.readString(answer), printed);
  }

  @Test
  void noSocketAndNoNameLookUpAndNothingPrintedOrLeftBehind() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    Path log = folder.resolve("classes.log");
    Result result =
        run(
            "-Xlog:class+load:file=" + log,
            "-Djava.io.tmpdir=" + temporary,
            "-Duser.home=" + folder.resolve("no-home"));
    assertThat(result.answer()).matches("\\d+ \\d+");
    assertThat(result.output()).isEmpty();
    List<String> classes = Files.readAllLines(log);
    assertThat(classes)
        .as("the log names what was loaded")
        .anyMatch(line -> line.contains("ai.djl.huggingface.tokenizers.jni.TokenizersLibrary"));
    // All sockets of the JDK go through sun.nio.ch.Net, all look-ups through Inet?AddressImpl
    String network = "java.net.Inet[46]AddressImpl|java.net.Socket|java.net.HttpURLConnection";
    assertThat(classes.stream().filter(l -> l.matches(".*\\] (sun.nio.ch.Net|" + network + ") .*")))
        .isEmpty();
    assertThat(classes.stream().filter(line -> line.contains(" ai.djl.util."))).isEmpty();
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left.filter(p -> p.getFileName().toString().startsWith("moka"))).isEmpty();
    }
  }

  @Test
  void theHomeDirectoryServesWhereTheTemporaryOneDoesNot() throws Exception {
    Path home = Files.createDirectory(folder.resolve("home"));
    Result result = run("-Djava.io.tmpdir=" + folder.resolve("missing"), "-Duser.home=" + home);
    assertThat(result.answer()).matches("\\d+ \\d+");
    assertThat(home).isEmptyDirectory();
  }

  @Test
  void withoutAnyDirectoryTheErrorSaysWhatToDo() throws Exception {
    Path missing = folder.resolve("missing");
    Result result = run("-Djava.io.tmpdir=" + missing, "-Duser.home=" + missing);
    assertThat(result.answer()).contains("could not be loaded", "-Djava.io.tmpdir", "missing");
  }

  @Test
  void anUnknownPlatformIsNamed() throws Exception {
    Result result = run("-Dos.arch=sparc");
    assertThat(result.answer()).contains("linux-sparc", "linux-x86_64");
  }

  @Test
  void platformNames() {
    assertThat(NativeLibrary.platform("Linux", "amd64")).isEqualTo("linux-x86_64");
    assertThat(NativeLibrary.platform("Mac OS X", "aarch64")).isEqualTo("osx-aarch64");
    assertThat(NativeLibrary.platform("Windows 11", "amd64")).isEqualTo("win-x86_64");
  }
}
