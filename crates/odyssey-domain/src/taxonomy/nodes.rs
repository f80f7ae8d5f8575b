//! Trees: read as a vendor sees them, changed row by row.

use std::collections::HashMap;

use odyssey_matching::label::Roles;
use odyssey_types::Page;
use uuid::Uuid;

use super::model::{DEPTH_MAX, NODES_MAX};
use super::{
    Change, Desk, Node, NodeQuery, NodeWrite, Owner, RederiveCatalog, TaxonomyError, TaxonomyKind, store,
    terms,
};
use crate::audit::{self, AuditEvent};
use crate::db::{Notice, SystemTx, VendorTx};
use crate::field::FieldError;
use crate::jobs::RederiveFacts;
use crate::tenancy::{Actor, Purpose};

/// A page of a tree as the vendor sees it; the cursor is the last code.
pub async fn list_nodes(tx: &mut VendorTx, query: &NodeQuery) -> Result<Page<Node>, TaxonomyError> {
    page(&mut Desk::vendor(tx), query).await
}

/// A page of the platform's own rows.
pub async fn list_platform_nodes(tx: &mut SystemTx, query: &NodeQuery) -> Result<Page<Node>, TaxonomyError> {
    page(&mut Desk::platform(tx), query).await
}

async fn page(desk: &mut Desk<'_>, query: &NodeQuery) -> Result<Page<Node>, TaxonomyError> {
    let mut items = store::list_nodes(desk, query).await?;
    let more = items.len() > query.limit as usize;
    items.truncate(query.limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|node| node.code.clone());
    Ok(Page { items, next_cursor })
}

/// One node as the vendor sees it.
pub async fn get_node(tx: &mut VendorTx, kind: TaxonomyKind, code: &str) -> Result<Node, TaxonomyError> {
    store::find_node(&mut Desk::vendor(tx), kind, code).await?.ok_or(TaxonomyError::NodeNotFound)
}

/// The vendor's own node; one of the platform cannot be changed here.
pub async fn get_own_node(tx: &mut VendorTx, kind: TaxonomyKind, code: &str) -> Result<Node, TaxonomyError> {
    let node = get_node(tx, kind, code).await?;
    if node.owner == Owner::Platform {
        return Err(TaxonomyError::Refused(
            "the node is the platform's; write one of your own with its code and `active: false` to hide it",
        ));
    }
    Ok(node)
}

/// Writes a node of the vendor's own, which it has not got yet; over one of the platform it is an override.
pub async fn create_node(
    tx: &mut VendorTx,
    change: &Change,
    write: &NodeWrite,
) -> Result<Node, TaxonomyError> {
    let found = store::find_node(&mut Desk::vendor(tx), write.kind, &write.code).await?;
    if found.is_some_and(|node| node.owner == Owner::Vendor) {
        return Err(TaxonomyError::NodeExists);
    }
    put_node(tx, change, write).await
}

/// Writes a node of the vendor's own, new or in place of the one with this code.
pub async fn put_node(tx: &mut VendorTx, change: &Change, write: &NodeWrite) -> Result<Node, TaxonomyError> {
    let before = terms::meal_roles(tx).await?;
    let node = put(&mut Desk::vendor(tx), change, write).await?;
    rederive_if_roles_changed(tx, &before).await?;
    audit::record(tx, event("taxonomy.write", &node)).await?;
    Ok(node)
}

/// Writes a node of the platform.
pub async fn put_platform_node(
    tx: &mut SystemTx,
    actor: &Actor,
    change: &Change,
    write: &NodeWrite,
) -> Result<Node, TaxonomyError> {
    let node = put(&mut Desk::platform(tx), change, write).await?;
    rederive_everywhere(tx, write.kind).await?;
    audit::record_on_platform(tx, None, actor, event("taxonomy.write", &node)).await?;
    Ok(node)
}

/// The platform's node, where there is one.
pub async fn find_platform_node(
    tx: &mut SystemTx,
    kind: TaxonomyKind,
    code: &str,
) -> Result<Option<Node>, TaxonomyError> {
    store::find_node(&mut Desk::platform(tx), kind, code).await
}

/// Deletes a node of the vendor's own. The platform's of the same code is seen again.
pub async fn delete_node(tx: &mut VendorTx, node: &Node) -> Result<(), TaxonomyError> {
    let before = terms::meal_roles(tx).await?;
    delete(&mut Desk::vendor(tx), node).await?;
    rederive_if_roles_changed(tx, &before).await?;
    audit::record(tx, event("taxonomy.delete", node)).await?;
    Ok(())
}

/// Deletes a node of the platform.
pub async fn delete_platform_node(
    tx: &mut SystemTx,
    actor: &Actor,
    kind: TaxonomyKind,
    code: &str,
) -> Result<(), TaxonomyError> {
    let mut desk = Desk::platform(tx);
    let node = store::find_node(&mut desk, kind, code).await?.ok_or(TaxonomyError::NodeNotFound)?;
    delete(&mut desk, &node).await?;
    rederive_everywhere(tx, kind).await?;
    audit::record_on_platform(tx, None, actor, event("taxonomy.delete", &node)).await?;
    Ok(())
}

/// Makes the derivation of the products due whose category has another role than before.
async fn rederive_if_roles_changed(tx: &mut VendorTx, before: &Roles) -> Result<(), TaxonomyError> {
    if terms::meal_roles(tx).await? == *before {
        return Ok(());
    }
    let (vendor_id, now) = (tx.vendor_id().as_uuid(), tx.now());
    odyssey_jobs::enqueue_job(tx.connection(), vendor_id, None, &RederiveCatalog {}, now).await?;
    tx.notify_after_commit(Notice::JobsWaiting);
    Ok(())
}

/// The same for all vendors after a change of a platform's category: which products it concerns is each vendor's.
async fn rederive_everywhere(tx: &mut SystemTx, kind: TaxonomyKind) -> Result<(), TaxonomyError> {
    if kind == TaxonomyKind::Category {
        let now = tx.now();
        odyssey_jobs::enqueue_job(tx.connection(), Uuid::nil(), None, &RederiveFacts {}, now).await?;
    }
    Ok(())
}

async fn put(desk: &mut Desk<'_>, change: &Change, write: &NodeWrite) -> Result<Node, TaxonomyError> {
    write.check()?;
    let parents = store::parents(desk, write.kind).await?;
    check_place(&parents, write)?;
    if store::count_other_nodes(desk, write.kind, &write.code).await? >= NODES_MAX {
        return Err(TaxonomyError::Refused(
            "there are 5,000 nodes of this kind, which is the most; delete one first",
        ));
    }
    store::put_node(desk, change.version, write).await?;
    store::find_node(desk, write.kind, &write.code).await?.ok_or(TaxonomyError::NodeNotFound)
}

async fn delete(desk: &mut Desk<'_>, node: &Node) -> Result<(), TaxonomyError> {
    // Under an override the platform's node stays, and so does the parent of whatever is below it.
    let is_gone = node.owner == Owner::Platform || !node.overrides;
    if is_gone && store::has_children(desk, node.kind, &node.code).await? {
        return Err(TaxonomyError::Refused(
            "the node has nodes below it; move or delete them first, or set `active: false`",
        ));
    }
    store::delete_node(desk, node.kind, &node.code).await
}

/// The parent exists, and the way up from it ends, without coming by here, within [`DEPTH_MAX`].
fn check_place(parents: &HashMap<String, Option<String>>, write: &NodeWrite) -> Result<(), TaxonomyError> {
    let refuse =
        |code, detail: &str| Err(TaxonomyError::Invalid(FieldError::new("/parent_code", code, detail)));
    let Some(parent) = &write.parent_code else { return Ok(()) };
    if *parent != write.code && !parents.contains_key(parent) {
        return refuse("parent_unknown", "there is no node of this kind with this code; create it first");
    }
    let mut at = Some(parent);
    for _ in 1..DEPTH_MAX {
        let Some(code) = at else { return Ok(()) };
        if *code == write.code {
            return refuse("cycle", "the parent stands below this node; choose one that does not");
        }
        at = parents.get(code).and_then(Option::as_ref);
    }
    match at {
        None => Ok(()),
        Some(_) => refuse("too_deep", "a tree has at most 12 levels; choose a parent nearer to the root"),
    }
}

fn event(action: &'static str, node: &Node) -> AuditEvent {
    AuditEvent::new(action, "taxonomy_node", Purpose::Operations)
        .entity(&node.code)
        .detail("kind", node.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(code: &str, parent: Option<&str>) -> NodeWrite {
        NodeWrite {
            kind: TaxonomyKind::Category,
            code: code.to_owned(),
            label: code.to_owned(),
            parent_code: parent.map(str::to_owned),
            meal_role: None,
            active: true,
        }
    }

    fn refusal(parents: &[(&str, Option<&str>)], write: &NodeWrite) -> Option<&'static str> {
        let parents =
            parents.iter().map(|(code, parent)| ((*code).to_owned(), parent.map(str::to_owned))).collect();
        match check_place(&parents, write) {
            Ok(()) => None,
            Err(TaxonomyError::Invalid(error)) => Some(error.code),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_parent_exists_and_is_not_below() {
        let tree = [("a", None), ("b", Some("a")), ("c", Some("b"))];
        assert_eq!(refusal(&tree, &write("d", Some("c"))), None);
        assert_eq!(refusal(&tree, &write("d", Some("x"))), Some("parent_unknown"));
        assert_eq!(refusal(&tree, &write("a", Some("c"))), Some("cycle"));
        assert_eq!(refusal(&tree, &write("a", Some("a"))), Some("cycle"));
    }

    #[test]
    fn a_cycle_that_is_there_already_is_too_deep_and_no_loop() {
        assert_eq!(refusal(&[("a", Some("b")), ("b", Some("a"))], &write("c", Some("a"))), Some("too_deep"));
    }

    #[test]
    fn twelve_levels_are_the_most() {
        let codes: Vec<String> = (0..12).map(|i| format!("n{i}")).collect();
        let tree: Vec<(&str, Option<&str>)> =
            (0..12).map(|i| (codes[i].as_str(), i.checked_sub(1).map(|i| codes[i].as_str()))).collect();
        assert_eq!(refusal(&tree[..11], &write("new", Some("n10"))), None);
        assert_eq!(refusal(&tree, &write("new", Some("n11"))), Some("too_deep"));
    }
}
