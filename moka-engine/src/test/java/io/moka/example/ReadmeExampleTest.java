package io.moka.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The README's Java is the Java of this folder, and runs. */
class ReadmeExampleTest {
  private static final String BEGIN = "<!-- ReadmeExample -->\n```java\n";
  private static final String PACKAGE = "package io.moka.example;\n\n";

  @Test
  void theReadmeShowsWhatIsCompiledHere() throws IOException {
    String readme = Files.readString(Path.of("../README.md"));
    String source = Files.readString(Path.of("src/test/java/io/moka/example/ReadmeExample.java"));
    assertThat(readme).contains(BEGIN);
    String shown = readme.substring(readme.indexOf(BEGIN) + BEGIN.length());
    assertThat(PACKAGE + shown.substring(0, shown.indexOf("```\n"))).isEqualTo(source);
  }

  @Test
  void theExampleTellsAStory() {
    PrintStream before = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      ReadmeExample.main(new String[0]);
    } finally {
      System.setOut(before);
    }
    assertThat(printed.toString(StandardCharsets.UTF_8)).hasSizeGreaterThan(20);
  }
}
