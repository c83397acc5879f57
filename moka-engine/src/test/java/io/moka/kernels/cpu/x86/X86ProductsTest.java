package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.Activations;
import io.moka.kernels.Bf16Contract;
import io.moka.kernels.Kernels;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.vector.VectorProducts;
import io.moka.weights.WeightFormat;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A processor with AVX-512 VNNI that has no BF16 and no tiles: the Vector API multiplies rounded
 * rows.
 */
class X86ProductsTest implements Bf16Contract {
  private static CpuFeatures features;

  @BeforeAll
  static void leavesBf16Out() {
    features = without(Processor.upTo(InstructionSet.AVX512), CpuFeatures.Feature.AVX512_BF16);
  }

  private static CpuFeatures without(CpuFeatures all, CpuFeatures.Feature feature) {
    Set<CpuFeatures.Feature> fewer = EnumSet.copyOf(all.present());
    fewer.remove(feature);
    return new CpuFeatures(fewer, all.family(), all.model());
  }

  private static X86Products products(CpuFeatures processor, Activations activations) {
    X86Products.Attempt attempt =
        X86Products.open(activations, new VectorProducts(activations), processor);
    return ((X86Products.Ready) attempt).products();
  }

  @Override
  public Kernels open(int threads) {
    return open(threads, Activations.AUTO);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    return X86Kernels.open(threads, activations, features);
  }

  @Test
  void keepsTheOtherMachineCode() {
    try (X86Products products = products(features, Activations.BF16)) {
      assertThat(products.description()).isEqualTo("x86 machine code, AVX-512 VNNI");
      assertThat(products.usesTiles(WeightFormat.BF16)).isTrue();
      assertThat(products.usesTiles(WeightFormat.Q8_0)).isTrue();
      assertThat(products.usesTiles(WeightFormat.F16)).isFalse();
      assertThat(products.groupsAtOnce(WeightFormat.BF16, 1)).isEqualTo(1);
      assertThat(products.groupsAtOnce(WeightFormat.Q8_0, 1)).isEqualTo(GroupProducts.MAX_ROWS);
      assertThat(products.groupsAtOnce(WeightFormat.Q8_0, 16)).isEqualTo(8);
      assertThat(products.groupsAtOnce(WeightFormat.Q8_0, 17)).isEqualTo(7);
      assertThat(products.groupsAtOnce(WeightFormat.F16, 8)).isEqualTo(16);
      assertThat(products.groupsAtOnce(WeightFormat.F16, 9)).isEqualTo(1);
    }
  }

  /** Each row lies in one tile, none in two blocks, and no block has more tiles than a full one. */
  @ParameterizedTest
  @EnumSource
  void laysRowsOutInTiles(InstructionSet most) {
    try (X86Products products = products(Processor.upTo(most), Activations.BF16)) {
      for (WeightFormat format : new WeightFormat[] {WeightFormat.BF16, WeightFormat.Q4_0}) {
        int mostTiles = tiles(products, format, 0, GroupProducts.MAX_ROWS);
        for (int rows = 1; rows <= 300; rows++) {
          for (int block = 0; block < rows; block += GroupProducts.MAX_ROWS) {
            assertThat(tiles(products, format, block, rows))
                .as("%s, %d", format, rows)
                .isBetween(1, mostTiles);
          }
        }
      }
    }
  }

  private static int tiles(GroupProducts products, WeightFormat format, int block, int rows) {
    int end = Math.min(rows, block + GroupProducts.MAX_ROWS);
    int full = products.tileRows(format, end - block);
    int tiles = 0;
    for (int start = block; start < end; tiles++) {
      int next = products.tileEnd(format, start, rows);
      assertThat(next).isEqualTo(Math.min(start + full, end));
      for (int row = start; row < next; row++) {
        assertThat(products.tileStart(format, row, rows)).isEqualTo(start);
      }
      start = next;
    }
    return tiles;
  }

  @Test
  void closesTheOtherProductsWhereItIsRefused() {
    List<String> calls = new ArrayList<>();
    GroupProducts rest =
        (GroupProducts)
            Proxy.newProxyInstance(
                GroupProducts.class.getClassLoader(),
                new Class<?>[] {GroupProducts.class},
                (proxy, method, arguments) -> {
                  calls.add(method.getName());
                  return null;
                });
    CpuFeatures nothing = new CpuFeatures(Set.of(), features.family(), features.model());
    assertThat(X86Products.open(Activations.AUTO, rest, nothing))
        .isInstanceOf(X86Products.Refused.class);
    assertThat(calls).containsExactly("close");
  }

  /** Among them one with 512 bits, whose floats use them, but without dot products of bytes. */
  @Test
  void saysWhatRuns() {
    CpuFeatures all = Processor.upTo(InstructionSet.AVX512);
    CpuFeatures.Feature vnni = CpuFeatures.Feature.AVX_VNNI;
    assertThat(description(all.limitedTo(InstructionSet.AVX2))).isEqualTo("AVX2");
    assertThat(description(without(all, CpuFeatures.Feature.AVX512_VNNI)))
        .isEqualTo(
            (all.present().contains(vnni) ? "AVX2 with VNNI" : "AVX2") + ", floats in AVX-512");
    assertThat(description(all)).startsWith("AVX-512 VNNI");
  }

  private static String description(CpuFeatures processor) {
    try (X86Products products = products(processor, Activations.AUTO)) {
      return products.description().replace("x86 machine code, ", "");
    }
  }
}
