package io.moka.moe;

import io.moka.weights.ExpertWeights;
import io.moka.weights.PackedMatrix;
import java.util.Optional;

/**
 * The expert that sees every row.
 *
 * @param weights one expert
 * @param gate [1, D]: its result is multiplied by sigmoid(gate x); empty for weight 1
 */
public record SharedExpert(ExpertWeights weights, Optional<PackedMatrix> gate) {}
