/**
 * Chat templates: the part of the Jinja language that models' templates use, read and run by Moka
 * itself. A template's text and plain Java values enter, the prompt's text leaves; nothing of Java
 * can be reached from a template. A template is hostile input: its nesting, its steps and its text
 * are bounded, and every failure is a typed exception.
 *
 * <p>The way of a template: {@code TemplateScanner} parts text from tags, {@code ExpressionScanner}
 * cuts tags into tokens, {@code StatementParser} and {@code ExpressionParser} build the tree,
 * {@code Interpreter} (statements) and {@code ExpressionEvaluator} run it with the filters, tests
 * and methods that Jinja2 and Python have under the same names.
 */
package io.moka.text.template;
