package io.moka.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkloadTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "decode",
        "decodex16",
        "decode@16384",
        "decodex4@512",
        "decode+busy",
        "decodex16@4096+busy",
        "prefill512",
        "prefill16384"
      })
  void nameIsReadAndWrittenTheSame(String name) {
    assertThat(Workload.parse(name)).hasToString(name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "decodex0", "prefill", "prefill0", "prefill-1", "encode", "decode+"})
  void otherNamesAreRefused(String name) {
    assertThatThrownBy(() -> Workload.parse(name))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"" + name + "\"");
  }

  @Test
  void onlyLongPromptsAreTriedInPart() {
    assertThat(Workload.parse("prefill16384").trial()).hasToString("prefill4096");
    for (String name : new String[] {"prefill4096", "decode@16384", "decodex16"}) {
      assertThat(Workload.parse(name).trial()).hasToString(name);
    }
  }

  @Test
  void commandsAreThoseOfTheEngines() {
    assertThat(Workload.parse("decodex16@4096").command(8, true)).isEqualTo("decode 8 16 4096 1");
    assertThat(Workload.parse("prefill512").command(8, false)).isEqualTo("prefill 512 0");
  }
}
