package io.moka.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.RandomCheckpoint;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.KvType;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The rehearsal of a model that is being loaded. */
class WarmUpTest {
  /** 1.2 GB of BF16. */
  private static final String LARGE = "qwen3-30b-a3b:layers=1,experts=8";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "qwen3-30b-a3b:layers=1,experts=128",
        "qwen3-235b-a22b:layers=1,experts=32",
        "mixtral-8x7b:layers=1"
      })
  void stepsAreTakenUntilItIsClosed(String shape) throws InterruptedException {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse(shape)) {
      WarmUp warmUp = WarmUp.start(checkpoint, KernelChoice.AUTO, Activations.AUTO, KvType.F16);
      try (warmUp) {
        Instant end = Instant.now().plus(Duration.ofMinutes(1));
        boolean ended = false;
        while (warmUp.steps() < 8 && !ended && Instant.now().isBefore(end)) {
          ended = warmUp.endsWithin(Duration.ofMillis(10));
        }
      }
      int steps = warmUp.steps();
      warmUp.await();
      assertThat(steps).isGreaterThanOrEqualTo(8);
      assertThat(warmUp.steps()).isBetween(steps, steps + 1);
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void itMayBeClosedAtOnce(KvType type) throws InterruptedException {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse(LARGE)) {
      WarmUp warmUp = WarmUp.start(checkpoint, KernelChoice.VECTOR, Activations.INT8, type);
      warmUp.close();
      warmUp.close();
      warmUp.await();
    }
  }

  @Test
  void plainKernelsNeedNone() throws InterruptedException {
    try (RandomCheckpoint checkpoint = RandomCheckpoint.parse(LARGE);
        WarmUp warmUp =
            WarmUp.start(checkpoint, KernelChoice.REFERENCE, Activations.AUTO, KvType.F32)) {
      warmUp.await();
      assertThat(warmUp.steps()).isZero();
    }
  }

  @Test
  void aSmallModelNeedsNone() throws InterruptedException {
    try (Checkpoint checkpoint = Checkpoint.open(Path.of("../models/fairytales-moe"));
        WarmUp warmUp = WarmUp.start(checkpoint, KernelChoice.AUTO, Activations.AUTO, KvType.F32)) {
      warmUp.await();
      assertThat(warmUp.steps()).isZero();
    }
  }
}
