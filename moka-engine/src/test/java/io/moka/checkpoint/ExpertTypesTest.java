package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.checkpoint.TensorKey.Part;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The other experts are BF16. */
class ExpertTypesTest {
  @Test
  void layersMayDiffer() {
    check(key -> key.layer() == 1);
  }

  @Test
  void gateAndUpMayDifferFromDown() {
    check(key -> key.part() == Part.DOWN);
  }

  @ParameterizedTest
  @EnumSource(names = {"GATE", "UP", "DOWN"})
  void oneMatrixOfAnotherTypeIsRefused(Part part) {
    assertRefused(key -> key.part() == part && key.expert() == 1);
  }

  @Test
  void anExpertOfAnotherTypeIsRefusedFloatsIncluded() {
    assertRefused(key -> key.expert() == 0);
  }

  private static void assertRefused(Predicate<TensorKey> inFloats) {
    assertThatThrownBy(() -> check(inFloats))
        .isInstanceOf(ModelException.class)
        .hasMessageContainingAll("F32", "BF16")
        .hasMessageContaining("a layer's experts must be of one type");
  }

  private static void check(Predicate<TensorKey> inFloats) {
    try (Checkpoint model = new MixedTypes(RandomCheckpoint.of(TinyModels.QWEN, 2), inFloats)) {
      for (int layer = 0; layer < model.config().numHiddenLayers(); layer++) {
        ExpertTypes.check(model, layer);
      }
    }
  }
}
