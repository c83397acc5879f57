/**
 * Model files: safetensors, GGUF and packed files. A path or a name enters; a checked {@link
 * io.moka.checkpoint.ModelConfig} and tensors leave, mapped from the files and owned by the open
 * {@link io.moka.checkpoint.Checkpoint}. Every length, offset and product is checked before it is
 * used.
 */
package io.moka.checkpoint;
