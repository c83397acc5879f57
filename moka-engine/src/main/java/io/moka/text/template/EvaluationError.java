package io.moka.text.template;

/**
 * A template's failure on its way up to {@link ChatTemplate#render}, which adds the line and makes
 * it a {@link io.moka.TemplateException}. It carries no stack trace: hostile templates fail often.
 */
final class EvaluationError extends RuntimeException {
  private static final long serialVersionUID = 1L;

  EvaluationError(String message) {
    super(message, null, false, false);
  }
}
