package io.moka.kernels.cpu.x86;

import io.moka.kernels.KvType;
import io.moka.kernels.cpu.SpanContract;
import io.moka.kernels.cpu.SpanProducts;
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
      FUNCTIONS.put(type, Processor.ready(SpanFunctions.load(type, features)));
    }
  }

  @AfterAll
  static void close() {
    FUNCTIONS.values().forEach(SpanFunctions::close);
    FUNCTIONS.clear();
  }

  @Override
  public SpanProducts products() {
    return new X86Spans(FUNCTIONS);
  }
}
