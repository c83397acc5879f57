package io.moka.kernels.cpu.x86;

import io.moka.PlatformException;
import io.moka.kernels.cpu.x86.CpuFeatures.Feature;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Steps of what machine code may use, each with all before it. */
public enum InstructionSet {
  /** 256 bits; dot products of bytes by way of 16 bits. */
  AVX2,
  /** 256 bits with dot products of bytes. */
  AVX2_VNNI,
  /** 512 bits, with dot products of bytes and of bf16 where the processor has them. */
  AVX512,
  /** Tiles as well. */
  AMX;

  /** Whatever the processor has. */
  public static final InstructionSet MOST = AMX;

  /** The environment variable that names the last step to use. */
  public static final String VARIABLE = "MOKA_MAX_ISA";

  /**
   * The last step that the environment allows.
   *
   * @param environment variables by name
   * @return {@link #MOST} where it says nothing
   * @throws PlatformException when it names no step
   */
  public static InstructionSet limit(Map<String, String> environment) {
    String name = environment.getOrDefault(VARIABLE, "");
    if (name.isEmpty()) {
      return MOST;
    }
    return Arrays.stream(values())
        .filter(set -> set.spelling().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new PlatformException(
                "%s is \"%s\": it takes one of %s, or nothing"
                    .formatted(
                        VARIABLE,
                        name,
                        Arrays.stream(values())
                            .map(InstructionSet::spelling)
                            .collect(Collectors.joining(", ")))));
  }

  /**
   * The step as the variable names it.
   *
   * @return in small letters
   */
  public String spelling() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Whether a feature belongs to this step or one before it. */
  boolean has(Feature feature) {
    InstructionSet first =
        switch (feature) {
          case AVX2, FMA, F16C -> AVX2;
          case AVX_VNNI -> AVX2_VNNI;
          case AVX512F, AVX512DQ, AVX512BW, AVX512VL, AVX512_VNNI, AVX512_BF16 -> AVX512;
          case AMX_INT8, AMX_BF16 -> AMX;
        };
    return first.compareTo(this) <= 0;
  }
}
