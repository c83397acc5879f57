package io.moka.kernels.cpu.vector;

import io.moka.kernels.Activations;
import io.moka.kernels.cpu.SpanContract;
import io.moka.kernels.cpu.SpanProducts;

class VectorSpansTest implements SpanContract {
  @Override
  public SpanProducts products(Activations activations) {
    return new VectorSpans(activations);
  }
}
