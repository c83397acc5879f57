package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class RouterResultTest {
  @Test
  void keepsChoicesWhileItGrows() {
    RouterResult routing = new RouterResult(0, 3);
    assertThat(routing.capacity()).isZero();
    for (int row = 0; row < 20; row++) {
      routing.reserve(row + 1);
      for (int rank = 0; rank < 3; rank++) {
        routing.set(row, rank, 100 * row + rank, row + 0.1f * rank);
      }
    }
    routing.reserve(2);
    assertThat(routing.capacity()).isGreaterThanOrEqualTo(20);
    assertThat(routing.topK()).isEqualTo(3);
    for (int row = 0; row < 20; row++) {
      for (int rank = 0; rank < 3; rank++) {
        assertThat(routing.expert(row, rank)).isEqualTo(100 * row + rank);
        assertThat(routing.weight(row, rank)).isEqualTo(row + 0.1f * rank);
      }
    }
  }

  @Test
  void refusesWhatLiesOutside() {
    RouterResult routing = new RouterResult(2, 3);
    List<Runnable> wrong =
        List.of(
            () -> routing.expert(0, 3),
            () -> routing.expert(0, -1),
            () -> routing.expert(2, 0),
            () -> routing.weight(1, 3),
            () -> routing.set(0, 3, 1, 1),
            () -> routing.set(-1, 2, 1, 1));
    for (Runnable use : wrong) {
      assertThatThrownBy(use::run).isInstanceOf(IndexOutOfBoundsException.class);
    }
    assertThatThrownBy(() -> new RouterResult(2, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new RouterResult(-1, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new RouterResult(1 << 30, 4)).isInstanceOf(ArithmeticException.class);
    assertThatThrownBy(() -> routing.reserve(1 << 30)).isInstanceOf(ArithmeticException.class);
  }
}
