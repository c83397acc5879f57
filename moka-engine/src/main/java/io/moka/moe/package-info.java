/**
 * The routing contract and the paths through the experts. Rows and router logits enter; a {@link
 * io.moka.kernels.RouterResult} and the experts' weighted sum leave.
 */
package io.moka.moe;
