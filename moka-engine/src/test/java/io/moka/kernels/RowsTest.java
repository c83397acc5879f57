package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RowsTest {
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  @Test
  void rowsAreAlignedAndPadded() {
    for (int columns : new int[] {0, 1, 15, 16, 17, 2_048}) {
      Rows rows = Rows.allocate(arena, 3, columns);
      assertThat(rows.capacity()).isEqualTo(3);
      assertThat(rows.columns()).isEqualTo(columns);
      assertThat(rows.strideBytes() % 64).isZero();
      assertThat(rows.strideBytes()).isGreaterThan(columns * 4L);
      assertThat(rows.offsetBytes(2)).isEqualTo(2 * rows.strideBytes());
      assertThat(rows.data().address() % 64).isZero();
      assertThat(rows.data().byteSize()).isEqualTo(3 * rows.strideBytes());
    }
  }

  @Test
  void viewsShareMemory() {
    Rows rows = Rows.allocate(arena, 4, 10);
    Rows view = rows.columns(3, 5).columns(1, 4);
    view.set(2, 1, 7);
    assertThat(rows.get(2, 5)).isEqualTo(7);
    assertThat(view.get(2, 1)).isEqualTo(7);
    assertThat(view.data().get(ValueLayout.JAVA_FLOAT, view.offsetBytes(2) + 4)).isEqualTo(7);
    assertThat(view.capacity()).isEqualTo(4);
    assertThat(rows.columns(10, 0).columns()).isZero();
  }

  @Test
  void refusesWhatLiesOutside() {
    Rows rows = Rows.allocate(arena, 4, 10);
    Rows view = rows.columns(3, 5);
    List<Runnable> wrong =
        List.of(
            () -> rows.columns(6, 5),
            () -> rows.columns(-1, 5),
            () -> rows.columns(1, -1),
            () -> rows.columns(Integer.MAX_VALUE, 1),
            () -> view.columns(1, 5),
            () -> view.get(0, 5),
            () -> view.get(0, -1),
            () -> view.get(4, 0),
            () -> view.get(-1, 0),
            () -> view.set(0, 5, 1));
    for (Runnable use : wrong) {
      assertThatThrownBy(use::run).isInstanceOf(IndexOutOfBoundsException.class);
    }
    for (int columns : new int[] {-1, Integer.MAX_VALUE}) {
      assertThatThrownBy(() -> Rows.allocate(arena, 1, columns))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> Rows.allocate(arena, -1, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
