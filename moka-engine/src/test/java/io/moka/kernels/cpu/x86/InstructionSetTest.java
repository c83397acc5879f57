package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.PlatformException;
import io.moka.kernels.cpu.x86.CpuFeatures.Feature;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class InstructionSetTest {
  private static final CpuFeatures ALL = new CpuFeatures(Set.of(Feature.values()), 6, 207);

  @ParameterizedTest
  @EnumSource
  void isWhatTheVariableNames(InstructionSet set) {
    assertThat(InstructionSet.limit(Map.of("MOKA_MAX_ISA", set.spelling()))).isEqualTo(set);
  }

  @Test
  void isEverythingWhereTheVariableSaysNothing() {
    assertThat(InstructionSet.limit(Map.of())).isEqualTo(InstructionSet.MOST);
    assertThat(InstructionSet.limit(Map.of("MOKA_MAX_ISA", ""))).isEqualTo(InstructionSet.MOST);
    assertThat(ALL.limitedTo(InstructionSet.MOST)).isEqualTo(ALL);
  }

  @ParameterizedTest
  @ValueSource(strings = {"AVX2", "avx", "avx512_vnni", " avx2"})
  void refusesAnythingElse(String value) {
    assertThatThrownBy(() -> InstructionSet.limit(Map.of("MOKA_MAX_ISA", value)))
        .isInstanceOf(PlatformException.class)
        .hasMessage(
            "MOKA_MAX_ISA is \"%s\": it takes one of avx2, avx2_vnni, avx512, amx, or nothing",
            value);
  }

  @Test
  void eachStepHasWhatThoseBeforeItHave() {
    assertThat(ALL.limitedTo(InstructionSet.AVX2).present())
        .containsExactlyInAnyOrder(Feature.AVX2, Feature.FMA, Feature.F16C);
    assertThat(ALL.limitedTo(InstructionSet.AVX2_VNNI).present())
        .containsExactlyInAnyOrder(Feature.AVX2, Feature.FMA, Feature.F16C, Feature.AVX_VNNI);
    assertThat(ALL.limitedTo(InstructionSet.AVX512).present())
        .contains(Feature.AVX_VNNI, Feature.AVX512_VNNI, Feature.AVX512_BF16)
        .doesNotContain(Feature.AMX_INT8, Feature.AMX_BF16);
  }
}
