package io.moka.checkpoint;

import io.moka.weights.WeightFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The tensor types of ggml by their numbers in a file; Moka computes with some. */
final class GgmlType {
  private static final List<String> NAMES =
      List.of(
          ("F32 F16 Q4_0 Q4_1 Q4_2 Q4_3 Q5_0 Q5_1 Q8_0 Q8_1 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ2_XXS"
                  + " IQ2_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ2_S IQ4_XS I8 I16 I32 I64 F64 IQ1_M BF16"
                  + " Q4_0_4_4 Q4_0_4_8 Q4_0_8_8 TQ1_0 TQ2_0 IQ4_NL_4_4 IQ4_NL_4_8 IQ4_NL_8_8 MXFP4"
                  + " NVFP4 Q1_0 Q2_0")
              .split(" "));

  private static final Map<String, WeightFormat> FORMATS =
      Stream.of(WeightFormat.values()).collect(Collectors.toMap(Enum::name, Function.identity()));

  private GgmlType() {}

  static String name(int number) {
    return number >= 0 && number < NAMES.size()
        ? NAMES.get(number)
        : "number " + Integer.toUnsignedString(number);
  }

  /** The number of a format. */
  static int number(WeightFormat format) {
    return NAMES.indexOf(format.name());
  }

  /** The format of a type that Moka computes with. */
  static Optional<WeightFormat> format(int number) {
    return Optional.ofNullable(FORMATS.get(name(number)));
  }
}
