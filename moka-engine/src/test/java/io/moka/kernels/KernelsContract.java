package io.moka.kernels;

/**
 * What every provider of kernels is held to, over odd shapes: closeness to the reference, bits that
 * depend on a row alone, and nothing written beyond what was asked. A provider's test extends this.
 */
public abstract class KernelsContract
    implements RowOperationContract,
        MatmulContract,
        ExpertContract,
        AttentionContract,
        ArgumentContract {}
