package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.SpanContract;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.vector.VectorSpans;
import java.util.EnumMap;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The contract of attention, on machine code of 256 bits. */
class Avx2SpansTest implements SpanContract {
  private static final Map<KvType, SpanFunctions> FUNCTIONS = new EnumMap<>(KvType.class);

  @BeforeAll
  static void load() {
    CpuFeatures features = Processor.upTo(InstructionSet.AVX2);
    for (KvType type : KvType.values()) {
      if (type.format().isPresent()) {
        FUNCTIONS.put(type, Processor.ready(SpanFunctions.load(type, features)));
      }
    }
  }

  @AfterAll
  static void close() {
    FUNCTIONS.values().forEach(SpanFunctions::close);
    FUNCTIONS.clear();
  }

  @Override
  public SpanProducts products(Activations activations) {
    if (activations != Activations.BF16) {
      return new X86Spans(FUNCTIONS, new VectorSpans(activations));
    }
    Map<KvType, SpanFunctions> others = new EnumMap<>(FUNCTIONS);
    others.remove(KvType.BF16);
    return new X86Spans(others, new VectorSpans(activations));
  }
}
