package io.moka.kernels.cpu.vector;

import io.moka.kernels.cpu.SpanContract;
import io.moka.kernels.cpu.SpanProducts;

class VectorSpansTest implements SpanContract {
  @Override
  public SpanProducts products() {
    return new VectorSpans();
  }
}
