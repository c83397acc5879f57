/**
 * The operations of a forward pass. Rows of float32 activations and packed weights enter, rows
 * leave; the caller owns all of them, an implementation owns its threads and its scratch. Nothing
 * is allocated in a call.
 */
package io.moka.kernels;
