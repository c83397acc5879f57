/**
 * The products in the Vector API, on every machine that has one. Every product is one chain of
 * fused multiply-adds over ascending columns for each output, whatever the vectors' width, the
 * number of rows and of threads; so are the sums of attention within a span. {@link
 * io.moka.kernels.cpu.vector.TwoPartProducts} adds two such chains; it is here for its rounding,
 * and serves machine code as well.
 */
package io.moka.kernels.cpu.vector;
