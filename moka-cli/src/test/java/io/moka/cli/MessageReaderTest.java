package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MessageReaderTest {
  @Test
  void takesALineForAMessage() {
    assertThat(messages("one\ntwo")).containsExactly("one", "two");
    assertThat(messages("")).isEmpty();
  }

  @Test
  void goesOnAfterABackslash() {
    assertThat(messages("one\\\ntwo\\\nthree\nfour")).containsExactly("one\ntwo\nthree", "four");
    assertThat(messages("one\\")).containsExactly("one\n");
  }

  @Test
  void takesWhatIsBetweenThreeQuotes() {
    assertThat(messages("\"\"\"\none\n two\n\"\"\"\nthree")).containsExactly("one\n two", "three");
    assertThat(messages("\"\"\"one\ntwo\"\"\"")).containsExactly("one\ntwo");
    assertThat(messages("\"\"\"one\"\"\"")).containsExactly("one");
    assertThat(messages("\"\"\"one\ntwo")).containsExactly("one\ntwo");
  }

  private static List<String> messages(String input) {
    PipedLines lines =
        new PipedLines(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
    MessageReader reader = new MessageReader(lines);
    List<String> messages = new ArrayList<>();
    while (reader.read() instanceof TypedText.Text(String text)) {
      messages.add(text);
    }
    return messages;
  }
}
