package io.moka.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SpreadTest {
  @Test
  void medianIsTheMiddleOrTheMeanOfTheMiddleTwo() {
    assertThat(Spread.of(List.of(5.0, 1.0, 3.0))).isEqualTo(new Spread(1, 3, 5));
    assertThat(Spread.of(List.of(5.0, 1.0, 3.0, 4.0))).isEqualTo(new Spread(1, 3.5, 5));
  }
}
