package io.moka.checkpoint;

/**
 * Names a piece of a packed file by what it does.
 *
 * @param kind what it is
 * @param layer layer from 0; -1 for pieces outside the layers
 * @param index of experts the expert, -1 for the MLP of a layer without; of {@link Kind#QKV} the
 *     first projection in it (0 query, 1 key, 2 value); else -1
 */
public record PackedKey(Kind kind, int layer, int index) {
  /** How the bytes of a piece are ordered. */
  enum Form {
    /** Floats, one after the other. */
    VECTOR,
    /** Rows one after the other, as in the files of models. */
    TABLE,
    /** A packed matrix. */
    MATRIX,
    /** Gate and up joined in one packed matrix. */
    JOINED
  }

  /** The kinds of pieces; files hold their place in this list, so it only grows at its end. */
  public enum Kind {
    /** [V, D]. */
    EMBEDDING(Form.TABLE),
    /** D floats. */
    FINAL_NORM(Form.VECTOR),
    /** [V, D]; of a tied model the embedding once more. */
    HEAD(Form.MATRIX),
    /** D floats. */
    ATTENTION_NORM(Form.VECTOR),
    /** Query, key and value below each other; as many pieces as they have runs of one format. */
    QKV(Form.MATRIX),
    /** (H + 2 K) d floats. */
    QKV_BIAS(Form.VECTOR),
    /** d floats. */
    Q_NORM(Form.VECTOR),
    /** d floats. */
    K_NORM(Form.VECTOR),
    /** [D, H d]. */
    OUTPUT(Form.MATRIX),
    /** D floats. */
    OUTPUT_BIAS(Form.VECTOR),
    /** D floats. */
    MLP_NORM(Form.VECTOR),
    /** [E, D]. */
    ROUTER(Form.MATRIX),
    /** Gate and up of one expert. */
    GATE_UP(Form.JOINED),
    /** [D, F] of one expert. */
    DOWN(Form.MATRIX);

    private final Form form;

    Kind(Form form) {
      this.form = form;
    }

    Form form() {
      return form;
    }
  }

  /**
   * A piece outside the layers.
   *
   * @param kind which
   * @return its key
   */
  public static PackedKey model(Kind kind) {
    return new PackedKey(kind, -1, -1);
  }

  /**
   * A piece of a layer.
   *
   * @param kind which
   * @param layer layer from 0
   * @return its key
   */
  public static PackedKey layer(Kind kind, int layer) {
    return new PackedKey(kind, layer, -1);
  }

  @Override
  public String toString() {
    return kind
        + (layer < 0 ? "" : " of layer " + layer)
        + (index < 0 ? "" : (kind == Kind.QKV ? " from projection " : ", expert ") + index);
  }
}
