//! Whether expressions name only fields that there are.

use cel::common::ast::{EntryExpr, Expr, IdedExpr};

use crate::core::subjects::view::Shape;

/// What names stand for; macros add names of their own.
type Names<'n> = Vec<(&'n str, Option<&'n Shape>)>;

/// Checks every field that an expression asks for.
///
/// # Errors
/// The first field that its object does not have.
pub(super) fn check<'n>(expression: &'n IdedExpr, names: impl Iterator<Item = (&'n str, &'n Shape)>) -> Result<(), String> {
    let names: Names<'n> = names.map(|(name, shape)| (name, Some(shape))).collect();
    shape(expression, &names).map(|_| ())
}

/// What an expression finds; `None` where that is not known.
fn shape<'n>(expression: &'n IdedExpr, names: &Names<'n>) -> Result<Option<&'n Shape>, String> {
    let all = |expressions: &'n [IdedExpr]| expressions.iter().try_for_each(|one| shape(one, names).map(|_| ()));
    match &expression.expr {
        Expr::Ident(name) => {
            let known = names.iter().rev().find(|(known, _)| known == name);
            Ok(known.and_then(|(_, shape)| *shape))
        }
        Expr::Select(select) => {
            let Some(of) = shape(&select.operand, names)? else {
                return Ok(None);
            };
            let found = of.field(&select.field);
            found.map(Some).ok_or_else(|| match of.view() {
                Some(view) => {
                    let known: Vec<&str> = view.fields.iter().map(|field| field.name).collect();
                    format!("there is no field {:?}; there are {}", select.field, known.join(", "))
                }
                None => format!("there is no field {:?} of {}", select.field, of.words()),
            })
        }
        Expr::Call(call) => {
            if let Some(target) = &call.target {
                shape(target, names)?;
            }
            all(&call.args)?;
            // `list[0]` and `map["key"]`.
            let of = call.args.first().filter(|_| call.func_name.contains("[_]"));
            Ok(match of.map(|of| shape(of, names)).transpose()?.flatten() {
                Some(Shape::List(of) | Shape::Map(of)) => Some(of),
                _ => None,
            })
        }
        Expr::Comprehension(over) => {
            let item = match shape(&over.iter_range, names)? {
                Some(Shape::List(of)) => Some(&**of),
                _ => None,
            };
            let mut inner = names.clone();
            inner.push((&over.iter_var, item));
            inner.push((&over.accu_var, None));
            inner.extend(over.iter_var2.as_deref().map(|second| (second, None)));
            for part in [&over.accu_init, &over.loop_cond, &over.loop_step, &over.result] {
                shape(part, &inner)?;
            }
            Ok(None)
        }
        Expr::List(list) => all(&list.elements).map(|()| None),
        Expr::Map(map) => entries(map.entries.iter().map(|entry| &entry.expr), names),
        Expr::Struct(fields) => entries(fields.entries.iter().map(|entry| &entry.expr), names),
        Expr::Unspecified | Expr::Literal(_) => Ok(None),
    }
}

fn entries<'n>(entries: impl Iterator<Item = &'n EntryExpr>, names: &Names<'n>) -> Result<Option<&'n Shape>, String> {
    for entry in entries {
        match entry {
            EntryExpr::StructField(field) => shape(&field.value, names)?,
            EntryExpr::MapEntry(entry) => {
                shape(&entry.key, names)?;
                shape(&entry.value, names)?
            }
        };
    }
    Ok(None)
}
