package io.moka.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.GoldenTensors;
import io.moka.LogLines;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.Quantisation;
import io.moka.checkpoint.QuantisedCheckpoint;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.MadeUpNodes;
import io.moka.kernels.cpu.NodeThreads;
import io.moka.moe.MoePath;
import io.moka.weights.WeightArena;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Models on machines with several memory nodes, all of them made up. */
class NodePlacementTest {
  private static final int[] IDS = {30, 116, 76, 12, 62, 107, 23, 63, 112};
  private static final Path FAIRYTALES = Path.of("../models/fairytales-moe");

  private static final List<TransformerOptions> PATHS =
      List.of(
          TransformerOptions.DEFAULT,
          new TransformerOptions(MoePath.FUSED, false, false),
          new TransformerOptions(MoePath.SPARSE, false, false));

  @ParameterizedTest
  @EnumSource
  void givesTheSameBits(Quantisation quantisation) {
    for (Path model : List.of(FAIRYTALES, GoldenTensors.FOLDER.resolve("qwen3moe-sparse-step"))) {
      try (Checkpoint plain = Checkpoint.open(model);
          Checkpoint checkpoint = QuantisedCheckpoint.of(plain, quantisation)) {
        for (TransformerOptions options : PATHS) {
          float[] expected = logits(checkpoint, NodeThreads.onOneNode(2), options);
          for (NodeThreads threads :
              List.of(
                  new MadeUpNodes(2, 2).threads(2),
                  new MadeUpNodes(2, 2).threads(3),
                  new MadeUpNodes(1, 5, 2).threads(8))) {
            assertThat(logits(checkpoint, threads, options))
                .as("%s, %s, %s", model, options, threads.rows())
                .isEqualTo(expected);
          }
        }
      }
    }
  }

  @Test
  void theWeightsAreSharedAmongTheNodesThatReadThem() {
    MadeUpNodes machine = new MadeUpNodes(6, 2);
    NodeThreads threads = machine.threads(4);
    machine.placedBytes().clear(); // what was tried out
    try (Checkpoint checkpoint = Checkpoint.open(FAIRYTALES)) {
      logits(checkpoint, threads, TransformerOptions.DEFAULT);
      double all = machine.placedBytes().values().stream().mapToLong(bytes -> bytes).sum();
      assertThat(machine.placedBytes()).containsOnlyKeys(10, 11);
      assertThat(machine.placedBytes().get(10) / all).isBetween(0.65, 0.85);
    }
  }

  @Test
  void aSystemThatRefusesLaterIsOneLine() {
    MadeUpNodes machine = new MadeUpNodes(2, 2);
    NodeThreads threads = machine.threads(4);
    machine.refuseToTouch("errno 1");
    try (Checkpoint checkpoint = Checkpoint.open(FAIRYTALES);
        LogLines log = LogLines.of(WeightArena.class)) {
      float[] expected = logits(checkpoint, NodeThreads.onOneNode(1), TransformerOptions.DEFAULT);
      assertThat(logits(checkpoint, threads, TransformerOptions.DEFAULT)).isEqualTo(expected);
      assertThat(log.lines()).hasSize(1);
    }
  }

  @Test
  void whatRunsSaysOnHowManyNodes() {
    try (Kernels kernels =
        KernelChoice.AUTO.open(new MadeUpNodes(2, 2).threads(3), Activations.AUTO)) {
      assertThat(kernels.description()).endsWith(", 3 threads on 2 memory nodes");
      assertThat(kernels.threads()).isEqualTo(3);
    }
    try (Kernels kernels = KernelChoice.AUTO.open(3)) {
      assertThat(kernels.description()).endsWith(", 3 threads");
    }
  }

  private static float[] logits(
      Checkpoint checkpoint, NodeThreads threads, TransformerOptions options) {
    try (Kernels kernels = KernelChoice.AUTO.open(threads, Activations.AUTO);
        Transformer model = Transformer.load(checkpoint, kernels, options, share -> {});
        KvCache cache = model.newCache(KvType.F32, 2)) {
      return Forward.logits(model, cache, IDS, 4);
    }
  }
}
