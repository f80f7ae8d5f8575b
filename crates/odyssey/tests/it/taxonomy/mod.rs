//! Trees and synonyms: written by whom they belong to, and felt by the next answer.

mod evidence;
mod known_words;
mod meal_roles;
mod nodes;
mod synonyms;
