package io.moka.kernels.cpu.x86;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.Activations;
import io.moka.kernels.AllocationContract;
import io.moka.kernels.Bf16Contract;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KernelsContract;
import io.moka.kernels.QuantisedContract;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileOracle;
import io.moka.weights.WeightFormat;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;

/** The contract of all kernels, on machine code. */
class X86KernelsTest extends KernelsContract
    implements AllocationContract, Bf16Contract, QuantisedContract {
  private Optional<Boolean> tiles = Optional.empty();

  @BeforeAll
  static void needsMachineCode() {
    Optional<String> reason = KernelChoice.whyNoMachineCode();
    assumeTrue(reason.isEmpty(), () -> "no machine code here: " + reason.orElseThrow());
  }

  @Override
  public Kernels open(int threads) {
    return KernelChoice.X86.open(threads);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    return KernelChoice.X86.open(threads, activations);
  }

  /** Whether these kernels multiply BF16 weights by tiles. */
  boolean multipliesTiles() {
    try (Kernels kernels = open(1)) {
      return kernels.description().contains("AMX");
    }
  }

  @Override
  public float dot(PackedMatrix weights, int output, float[] x) {
    return weights.format() == WeightFormat.BF16 && tiles()
        ? TileOracle.exact(weights, output, x)
        : super.dot(weights, output, x);
  }

  @Override
  public float roundedDot(PackedMatrix weights, int output, float[] x) {
    return tiles()
        ? TileOracle.rounded(weights, output, x)
        : Bf16Contract.super.roundedDot(weights, output, x);
  }

  private boolean tiles() {
    if (tiles.isEmpty()) {
      tiles = Optional.of(multipliesTiles());
    }
    return tiles.get();
  }

  @Override
  public boolean sumsInOrder() {
    return true;
  }
}
