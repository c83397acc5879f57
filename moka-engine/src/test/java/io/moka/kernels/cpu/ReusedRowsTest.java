package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.Rows;
import org.junit.jupiter.api.Test;

class ReusedRowsTest {
  @Test
  void widthsThatTakeTurnsKeepTheirRows() {
    try (ReusedRows reused = new ReusedRows()) {
      Rows narrow = reused.get(4, 8);
      Rows wide = reused.get(4, 24);
      assertThat(reused.get(3, 8)).isSameAs(narrow);
      assertThat(reused.get(4, 24)).isSameAs(wide);
    }
  }

  @Test
  void whatIsOutgrownIsGivenBack() {
    try (ReusedRows reused = new ReusedRows()) {
      Rows small = reused.get(5, 8);
      Rows large = reused.get(6, 8);
      assertThat(large.capacity()).isEqualTo(10);
      assertThat(small.data().scope().isAlive()).isFalse();
      assertThat(large.data().scope().isAlive()).isTrue();
    }
  }

  @Test
  void closingGivesEverythingBack() {
    ReusedRows reused = new ReusedRows();
    Rows none = reused.get(0, 8);
    Rows some = reused.get(3, 16);
    reused.close();
    assertThat(none.data().scope().isAlive()).isFalse();
    assertThat(some.data().scope().isAlive()).isFalse();
  }
}
