package io.moka.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class CpuTimeTest {
  @Test
  void countsWorkAndWhatTheHostTookButNoWaiting() {
    assertThat(CpuTime.parse("cpu  100 20 3 99999 888 40 50 600 7 0"))
        .isEqualTo(Duration.ofMillis(8130));
    assertThat(CpuTime.busy()).isPositive();
  }
}
