/**
 * One forward pass. A {@link io.moka.model.Batch} of new tokens and a cache enter; logits leave. A
 * model is composition and weight names: arithmetic lives in the kernels, an architecture is data.
 */
package io.moka.model;
