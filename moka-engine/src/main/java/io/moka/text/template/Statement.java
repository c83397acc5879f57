package io.moka.text.template;

import java.util.List;
import java.util.Optional;

/** A statement of a template: what writes text, sets variables or decides what runs. */
sealed interface Statement {

  /** The line on which it begins. */
  int line();

  /** Text between tags. */
  record Data(int line, String text) implements Statement {}

  /** {@code {{ value }}}. */
  record Print(int line, Expression value) implements Statement {}

  /** {@code if}, {@code elif} and {@code else}; an else is a branch whose test is true. */
  record If(int line, List<Branch> branches) implements Statement {}

  /** One branch. */
  record Branch(Expression test, List<Statement> body) {}

  /** {@code for target in items if test recursive}, and what runs when there was no item. */
  record For(
      int line,
      Target target,
      Expression items,
      Optional<Expression> test,
      boolean recursive,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {}

  /** {@code break}. */
  record Break(int line) implements Statement {}

  /** {@code continue}. */
  record Continue(int line) implements Statement {}

  /** {@code set target = value}. */
  record Set(int line, Target target, Expression value) implements Statement {}

  /** {@code set target | filters}, with the text of a body as value. */
  record SetBlock(int line, Target target, List<FilterCall> filters, List<Statement> body)
      implements Statement {}

  /** {@code macro name(parameters)}. */
  record Macro(int line, String name, Signature signature, List<Statement> body)
      implements Statement {}

  /** {@code call(parameters) callee(arguments)}: calls a macro that may run the body. */
  record CallBlock(int line, Signature signature, Expression.Call call, List<Statement> body)
      implements Statement {}

  /** {@code filter name}: the filtered text of a body. */
  record FilterBlock(int line, List<FilterCall> filters, List<Statement> body)
      implements Statement {}

  /** A body with variables of its own: {@code with}, {@code generation}, {@code block}. */
  record Scoped(int line, List<Binding> bindings, List<Statement> body) implements Statement {}

  /** One variable of a {@code with}. */
  record Binding(Target target, Expression value) {}

  /** A filter without its input. */
  record FilterCall(String name, Expression.CallArguments arguments) {}

  /**
   * A macro's parameters.
   *
   * @param names the parameters
   * @param defaults values of the last of them, for calls that leave them out
   * @param varargs whether the body asks for further positional arguments
   * @param kwargs whether the body asks for further named arguments
   * @param caller whether the body asks for the body of a call block
   */
  record Signature(
      List<String> names,
      List<Expression> defaults,
      boolean varargs,
      boolean kwargs,
      boolean caller) {}

  /** What can be assigned to. */
  sealed interface Target {
    /** A variable. */
    record Variable(String name) implements Target {}

    /** An attribute of a namespace. */
    record NamespaceAttribute(String namespace, String name) implements Target {}

    /** Several targets for the items of one value. */
    record Unpacked(List<Target> targets) implements Target {}
  }
}
