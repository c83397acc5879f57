package io.moka.model;

import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.kernels.Rows;
import io.moka.kernels.SlotMap;

/**
 * Cosines and sines of rotary position embedding. As Hugging Face computes them: float32 frequency
 * times position, rounded to float32, then cos and sin, times the attention factor of YaRN.
 */
final class RopeAngles {
  private final float[] frequencies;
  private final double attentionFactor;

  RopeAngles(ModelConfig config) {
    ModelConfig.Rope rope = config.rope();
    int pairs = config.headDim() / 2;
    frequencies = new float[pairs];
    for (int pair = 0; pair < pairs; pair++) {
      double plain = StrictMath.pow(rope.theta(), -2.0 * pair / config.headDim());
      frequencies[pair] =
          (float)
              switch (rope.scaling()) {
                case RopeScaling.None() -> plain;
                case RopeScaling.Linear(double factor) -> plain / factor;
                case RopeScaling.Yarn yarn -> stretch(plain, pair, yarn, rope, config.headDim());
              };
    }
    attentionFactor = rope.scaling() instanceof RopeScaling.Yarn yarn ? yarn.attentionFactor() : 1;
  }

  /**
   * Between the pairs that turn betaFast and betaSlow times in the training's length, from kept to
   * stretched.
   */
  private static double stretch(
      double plain, int pair, RopeScaling.Yarn yarn, ModelConfig.Rope rope, int dim) {
    double low = Math.max(Math.floor(pairThatTurns(yarn.betaFast(), yarn, rope, dim)), 0);
    double high = Math.min(Math.ceil(pairThatTurns(yarn.betaSlow(), yarn, rope, dim)), dim - 1);
    if (low == high) {
      high += 0.001;
    }
    double stretched = Math.clamp((pair - low) / (high - low), 0.0, 1.0);
    return plain * (1 - stretched) + plain / yarn.factor() * stretched;
  }

  private static double pairThatTurns(
      double turns, RopeScaling.Yarn yarn, ModelConfig.Rope rope, int dim) {
    double positions = yarn.originalMaxPositionEmbeddings();
    return dim
        * StrictMath.log(positions / (turns * 2 * Math.PI))
        / (2 * StrictMath.log(rope.theta()));
  }

  /** Fills in a row: d/2 cosines, then d/2 sines. */
  void fill(SlotMap slots, int row, Rows out) {
    float position = slots.position(row);
    for (int pair = 0; pair < frequencies.length; pair++) {
      double angle = frequencies[pair] * position;
      out.set(row, pair, (float) (StrictMath.cos(angle) * attentionFactor));
      out.set(row, frequencies.length + pair, (float) (StrictMath.sin(angle) * attentionFactor));
    }
  }
}
