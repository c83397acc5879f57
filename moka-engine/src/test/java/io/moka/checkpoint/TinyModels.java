package io.moka.checkpoint;

import io.moka.checkpoint.ModelConfig.Moe;
import io.moka.checkpoint.ModelConfig.Rope;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.weights.Activation;
import java.util.List;
import java.util.OptionalInt;

/** Configurations of a few hundred weights. */
final class TinyModels {
  static final ModelConfig QWEN =
      qwen(new RopeScaling.Yarn(4, 16, 32, 1, 1.5), OptionalInt.empty(), Activation.SILU);

  static final ModelConfig MIXTRAL =
      new ModelConfig(
          "mixtral",
          7,
          8,
          3,
          2,
          2,
          1,
          4,
          1e-5f,
          Activation.SILU,
          64,
          false,
          false,
          OptionalInt.of(5),
          new Rope(1e6, new RopeScaling.None()),
          new Moe(3, 2, 3, true),
          List.of(true, true),
          false,
          OptionalInt.empty(),
          List.of(2, 3));

  private TinyModels() {}

  static ModelConfig qwen(RopeScaling scaling, OptionalInt window, Activation activation) {
    return new ModelConfig(
        "qwen3_moe",
        7,
        4,
        5,
        2,
        2,
        1,
        4,
        1e-6f,
        activation,
        64,
        true,
        true,
        window,
        new Rope(1e4, scaling),
        new Moe(2, 1, 3, false),
        List.of(true, false),
        false,
        OptionalInt.of(1),
        List.of(2));
  }
}
