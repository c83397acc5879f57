package io.moka.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StopStringsTest {

  @Test
  void holdsBackWhatMayBecomeAStopString() {
    StopStrings stops = new StopStrings(List.of("END", "\n\n"));
    assertThat(stops.push("a E")).isEqualTo("a ");
    assertThat(stops.push("N")).isEmpty();
    assertThat(stops.push("T\n")).isEqualTo("ENT");
    assertThat(stops.push("E")).isEqualTo("\n");
    assertThat(stops.push("NDED")).isEmpty();
    assertThat(stops.found()).isTrue();
    assertThat(stops.flush()).isEmpty();
  }

  @Test
  void flushGivesWhatDidNotBecomeOne() {
    StopStrings stops = new StopStrings(List.of("aab"));
    assertThat(stops.push("xaaa")).isEqualTo("xa");
    assertThat(stops.flush()).isEqualTo("aa");
    assertThat(stops.found()).isFalse();
  }

  @Test
  void theFirstToBeCompleteCountsAndOfSeveralTheLongest() {
    StopStrings stops = new StopStrings(List.of("b", "abc", "ab"));
    assertThat(stops.push("xabc")).isEqualTo("x");
    assertThat(stops.found()).isTrue();
  }

  @Test
  void withoutStopStringsEverythingPasses() {
    assertThat(new StopStrings(List.of()).push("anything")).isEqualTo("anything");
  }

  @Test
  void doesNotDependOnHowTheTextIsDivided() {
    for (int seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      List<String> wanted = List.of(letters(random, 1 + random.nextInt(4)), letters(random, 3));
      String text = letters(random, 30);
      StopStrings whole = new StopStrings(wanted);
      String expected = whole.push(text) + whole.flush();
      StopStrings divided = new StopStrings(wanted);
      StringBuilder out = new StringBuilder();
      for (int from = 0; from < text.length() && !divided.found(); ) {
        int to = Math.min(text.length(), from + random.nextInt(5));
        out.append(divided.push(text.substring(from, to)));
        assertThat(expected).as("seed %d", seed).startsWith(out.toString());
        from = to;
      }
      out.append(divided.flush());
      assertThat(out.toString()).as("seed %d", seed).isEqualTo(expected);
      assertThat(divided.found()).isEqualTo(whole.found());
      wanted.forEach(stop -> assertThat(out.toString()).doesNotContain(stop));
    }
  }

  private static String letters(Random random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append("ab".charAt(random.nextInt(2)));
    }
    return text.toString();
  }
}
