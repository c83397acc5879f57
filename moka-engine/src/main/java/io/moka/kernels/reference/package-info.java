/**
 * The judge of the other kernels: scalar, single-threaded, sums in double. For tests, and for
 * whoever asks for it by name.
 */
package io.moka.kernels.reference;
