-- How much of a meal the products of a category are, as its vendor (or the platform) says: a score divides shares of a
-- day by it. Kept beside the facts, so that a catalog in memory has it with its rows.
SET LOCAL lock_timeout = '5s';

ALTER TABLE odyssey.taxonomy_nodes
    -- Nothing is said: as the node above, a snack at the root.
    ADD COLUMN meal_role text,
    ADD CONSTRAINT taxonomy_nodes_meal_role_check
        CHECK (meal_role IS NULL OR kind = 'category' AND meal_role IN ('snack', 'main_dish', 'meal'));

-- 1 a snack, an ingredient or not known, 2 a main dish, 3 a meal.
ALTER TABLE odyssey.product_facts
    ADD COLUMN meal_role smallint NOT NULL DEFAULT 1;
