#include "pg/properties.h"
#include "base/error.h"
#include "base/text.h"
#include "pg/properties_items.h"
#include "pg/sql.h"

/* What a change of these would do to the content or its order; the tablespace and the library's
 * version do not. */
static const char *const COMPARED_FACTS[] = {"encoding", "collate", "ctype",
                                             "provider", "locale",  "rules"};

Property *property_new(PropertyKind kind, const char *role, const char *name, const char *privilege,
                       const char *value)
{
    Property *property = g_new0(Property, 1);
    property->kind = kind;
    property->role = g_strdup(role);
    property->name = g_strdup(name);
    property->privilege = g_strdup(privilege);
    property->value = g_strdup(value);
    return property;
}

void property_free(Property *property)
{
    g_free(property->role);
    g_free(property->name);
    g_free(property->privilege);
    g_free(property->value);
    g_free(property);
}

int property_compare(const Property *a, const Property *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = g_strcmp0(a->role, b->role);
    if (order == 0)
        order = g_strcmp0(a->name, b->name);
    return order != 0 ? order : g_strcmp0(a->privilege, b->privilege);
}

const Property *property_find(const GPtrArray *items, const Property *like)
{
    for (guint i = 0; i < items->len; i++) {
        const Property *item = items->pdata[i];
        if (property_compare(item, like) == 0)
            return item;
    }
    return NULL;
}

const char *properties_value(const PgProperties *properties, PropertyKind kind)
{
    const Property *found = property_find(properties->items, &(Property){.kind = kind});
    return found ? found->value : NULL;
}

static gint compare_pointers(gconstpointer a, gconstpointer b)
{
    return property_compare(*(const Property *const *)a, *(const Property *const *)b);
}

static PgProperties *properties_new(void)
{
    PgProperties *properties = g_new0(PgProperties, 1);
    properties->items = g_ptr_array_new_with_free_func((GDestroyNotify)property_free);
    return properties;
}

void pg_properties_free(PgProperties *properties)
{
    if (!properties)
        return;
    g_ptr_array_unref(properties->items);
    g_free(properties->database);
    json_decref(properties->facts);
    g_free(properties);
}

static void add(PgProperties *properties, PropertyKind kind, const char *role, const char *name,
                const char *privilege, const char *value)
{
    if (value)
        g_ptr_array_add(properties->items, property_new(kind, role, name, privilege, value));
}

/* acldefault('d', owner) */
static void add_default_grants(PgProperties *properties)
{
    add(properties, PROPERTY_GRANT, OWNER_ITSELF, NULL, "CONNECT", NOT_GRANTABLE);
    add(properties, PROPERTY_GRANT, OWNER_ITSELF, NULL, "TEMPORARY", NOT_GRANTABLE);
    add(properties, PROPERTY_GRANT, OWNER_ITSELF, OWNER_ITSELF, "CONNECT", NOT_GRANTABLE);
    add(properties, PROPERTY_GRANT, OWNER_ITSELF, OWNER_ITSELF, "CREATE", NOT_GRANTABLE);
    add(properties, PROPERTY_GRANT, OWNER_ITSELF, OWNER_ITSELF, "TEMPORARY", NOT_GRANTABLE);
}

PgProperties *pg_properties_read(PgConnection *connection, const char *database, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = pg_query_text(connection, &cause, pg_sql_properties_read, 1, database);
    if (!text) {
        if (cause) {
            g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                       "while reading the properties of database '%s': ", database);
        } else {
            error_set(error, ERROR_CONFIG, "there is no database '%s' on this server", database);
        }
        return NULL;
    }
    g_autoptr(json_t) json = json_parse(text, strlen(text), "properties of the database", error);
    return json ? pg_properties_from_json(json, error) : NULL;
}

/* ---- JSON ---- */

static const char *real_name(const PgProperties *properties, const char *name)
{
    return name && !*name ? properties_value(properties, PROPERTY_OWNER) : name;
}

static json_t *item_to_json(const PgProperties *properties, const Property *item)
{
    json_t *object = json_object();
    if (item->kind == PROPERTY_GRANT) {
        json_set_text(object, "grantor", real_name(properties, item->role));
        json_set_text(object, "grantee", real_name(properties, item->name));
        json_set_text(object, "privilege", item->privilege);
        json_object_set_new(object, "grantable", json_boolean(g_str_equal(item->value, GRANTABLE)));
    } else if (item->kind == PROPERTY_SETTING) {
        json_set_text(object, "role", item->role);
        json_set_text(object, "name", item->name);
        json_set_text(object, "value", item->value);
    } else {
        json_set_text(object, "provider", item->name);
        json_set_text(object, "label", item->value);
    }
    return object;
}

static json_t *items_to_json(const PgProperties *properties, PropertyKind kind)
{
    json_t *array = json_array();
    for (guint i = 0; i < properties->items->len; i++) {
        const Property *item = properties->items->pdata[i];
        if (item->kind == kind)
            json_array_append_new(array, item_to_json(properties, item));
    }
    return array;
}

json_t *pg_properties_to_json(const PgProperties *properties)
{
    const char *limit = properties_value(properties, PROPERTY_CONNECTION_LIMIT);
    const char *template = properties_value(properties, PROPERTY_TEMPLATE);
    json_t *json = json_object();
    json_set_text(json, "database", properties->database);
    json_set_text(json, "owner", properties_value(properties, PROPERTY_OWNER));
    json_object_set_new(json, "acl",
                        properties->default_acl ? json_null()
                                                : items_to_json(properties, PROPERTY_GRANT));
    json_set_integer(json, "connection_limit", limit ? g_ascii_strtoll(limit, NULL, 10) : -1);
    json_object_set_new(json, "template", json_boolean(g_strcmp0(template, "true") == 0));
    json_set_text(json, "comment", properties_value(properties, PROPERTY_COMMENT));
    json_object_set_new(json, "settings", items_to_json(properties, PROPERTY_SETTING));
    json_object_set_new(json, "labels", items_to_json(properties, PROPERTY_LABEL));
    json_object_set_new(json, "facts",
                        properties->facts ? json_deep_copy(properties->facts) : json_object());
    return json;
}

/* The owner's name as OWNER_ITSELF. */
static const char *role_name(const char *name, const char *owner)
{
    return g_strcmp0(name, owner) == 0 ? OWNER_ITSELF : name;
}

static bool grant_from_json(PgProperties *properties, const json_t *object, const char *owner)
{
    const char *grantor = json_get_text(object, "grantor");
    const char *privilege = json_get_text(object, "privilege");
    /* Anything but a name or null would silently become PUBLIC. */
    const json_t *grantee = json_object_get(object, "grantee");
    if (!grantor || !privilege || !(json_is_null(grantee) || json_is_string(grantee)))
        return false;
    add(properties, PROPERTY_GRANT, role_name(grantor, owner),
        role_name(json_string_value(grantee), owner), privilege,
        json_get_flag(object, "grantable", false) ? GRANTABLE : NOT_GRANTABLE);
    return true;
}

static bool lists_from_json(PgProperties *properties, const json_t *json, const char *owner)
{
    size_t i;
    json_t *object;
    json_array_foreach(json_object_get(json, "acl"), i, object)
    {
        if (!grant_from_json(properties, object, owner))
            return false;
    }
    json_array_foreach(json_object_get(json, "settings"), i, object)
    {
        const char *name = json_get_text(object, "name");
        const char *value = json_get_text(object, "value");
        if (!name || !value)
            return false;
        add(properties, PROPERTY_SETTING, json_get_text(object, "role"), name, NULL, value);
    }
    json_array_foreach(json_object_get(json, "labels"), i, object)
    {
        const char *provider = json_get_text(object, "provider");
        const char *label = json_get_text(object, "label");
        if (!provider || !label)
            return false;
        add(properties, PROPERTY_LABEL, NULL, provider, NULL, label);
    }
    return true;
}

PgProperties *pg_properties_from_json(const json_t *json, GError **error)
{
    const char *owner = json_get_text(json, "owner");
    const json_t *acl = json_object_get(json, "acl");
    g_autoptr(PgProperties) properties = properties_new();
    bool complete = owner && (json_is_null(acl) || json_is_array(acl)) &&
                    json_is_integer(json_object_get(json, "connection_limit")) &&
                    json_is_boolean(json_object_get(json, "template")) &&
                    json_is_array(json_object_get(json, "settings")) &&
                    lists_from_json(properties, json, owner);
    if (!complete) {
        error_set(error, ERROR_INTEGRITY,
                  "the recorded properties of the database are incomplete or malformed");
        return NULL;
    }
    g_autofree char *limit =
        g_strdup_printf("%" G_GINT64_FORMAT, json_get_integer(json, "connection_limit", -1));
    properties->database = g_strdup(json_get_text(json, "database"));
    properties->default_acl = json_is_null(acl);
    if (properties->default_acl)
        add_default_grants(properties);
    add(properties, PROPERTY_OWNER, NULL, NULL, NULL, owner);
    add(properties, PROPERTY_CONNECTION_LIMIT, NULL, NULL, NULL, limit);
    add(properties, PROPERTY_TEMPLATE, NULL, NULL, NULL,
        json_get_flag(json, "template", false) ? "true" : "false");
    add(properties, PROPERTY_COMMENT, NULL, NULL, NULL, json_get_text(json, "comment"));
    properties->facts = json_deep_copy(json_object_get(json, "facts"));
    g_ptr_array_sort(properties->items, compare_pointers);
    return g_steal_pointer(&properties);
}

/* ---- copies and single values ---- */

PgProperties *pg_properties_copy(const PgProperties *properties)
{
    PgProperties *copy = properties_new();
    for (guint i = 0; i < properties->items->len; i++) {
        const Property *item = properties->items->pdata[i];
        add(copy, item->kind, item->role, item->name, item->privilege, item->value);
    }
    copy->database = g_strdup(properties->database);
    copy->default_acl = properties->default_acl;
    copy->facts = json_deep_copy(properties->facts);
    return copy;
}

PgProperties *pg_properties_fresh(const PgProperties *like)
{
    PgProperties *fresh = properties_new();
    add(fresh, PROPERTY_OWNER, NULL, NULL, NULL, pg_properties_owner(like));
    add(fresh, PROPERTY_CONNECTION_LIMIT, NULL, NULL, NULL, "-1");
    add(fresh, PROPERTY_TEMPLATE, NULL, NULL, NULL, "false");
    add_default_grants(fresh);
    g_ptr_array_sort(fresh->items, compare_pointers);
    fresh->database = g_strdup(like->database);
    fresh->default_acl = true;
    fresh->facts = json_deep_copy(like->facts);
    return fresh;
}

const char *pg_properties_owner(const PgProperties *properties)
{
    return properties_value(properties, PROPERTY_OWNER);
}

const char *pg_properties_comment(const PgProperties *properties)
{
    return properties_value(properties, PROPERTY_COMMENT);
}

void pg_properties_set_comment(PgProperties *properties, const char *comment)
{
    g_autofree char *copy = g_strdup(comment); /* it may be the one that is replaced */
    for (guint i = 0; i < properties->items->len; i++) {
        const Property *item = properties->items->pdata[i];
        if (item->kind == PROPERTY_COMMENT) {
            g_ptr_array_remove_index(properties->items, i);
            break;
        }
    }
    add(properties, PROPERTY_COMMENT, NULL, NULL, NULL, copy);
    g_ptr_array_sort(properties->items, compare_pointers);
}

/* ---- merging and comparing ---- */

/* What a property is called in a message. Never its value: a setting may be a secret. */
static char *describe(const Property *item, const char *owner)
{
    const char *role = item->role && !*item->role ? owner : item->role;
    const char *name = item->name && !*item->name ? owner : item->name;
    g_autofree char *text = NULL;
    switch (item->kind) {
    case PROPERTY_SETTING:
        text = role ? g_strdup_printf("setting '%s' of role '%s'", name, role)
                    : g_strdup_printf("setting '%s'", name);
        break;
    case PROPERTY_CONNECTION_LIMIT:
        text = g_strdup("connection limit");
        break;
    case PROPERTY_TEMPLATE:
        text = g_strdup("template flag");
        break;
    case PROPERTY_COMMENT:
        text = g_strdup("comment");
        break;
    case PROPERTY_LABEL:
        text = g_strdup_printf("security label of provider '%s'", name);
        break;
    case PROPERTY_OWNER:
        text = g_strdup("owner");
        break;
    case PROPERTY_GRANT:
        text = g_strdup_printf("privilege %s of %s%s%s, granted by '%s'", item->privilege,
                               name ? "role '" : "PUBLIC", name ? name : "", name ? "'" : "", role);
        break;
    }
    return text_printable(text);
}

/* Every property that is in one of the sets, once, sorted. Borrowed from them. */
static GPtrArray *all_items(const PgProperties *const *sets, size_t n_sets)
{
    GPtrArray *all = g_ptr_array_new();
    for (size_t i = 0; i < n_sets; i++) {
        for (guint j = 0; j < sets[i]->items->len; j++) {
            if (!property_find(all, sets[i]->items->pdata[j]))
                g_ptr_array_add(all, sets[i]->items->pdata[j]);
        }
    }
    g_ptr_array_sort(all, compare_pointers);
    return all;
}

static const char *value_in(const PgProperties *properties, const Property *like)
{
    const Property *found = property_find(properties->items, like);
    return found ? found->value : NULL;
}

PgProperties *pg_properties_merge(const PgProperties *before, const PgProperties *live,
                                  const PgProperties *work, GPtrArray *notes)
{
    const PgProperties *sets[] = {before, live, work};
    g_autoptr(GPtrArray) all = all_items(sets, G_N_ELEMENTS(sets));
    const char *owner = properties_value(live, PROPERTY_OWNER);
    PgProperties *merged = properties_new();
    for (guint i = 0; i < all->len; i++) {
        const Property *item = all->pdata[i];
        const char *was = value_in(before, item);
        const char *hand = value_in(live, item);
        const char *migration = value_in(work, item);
        bool by_hand = g_strcmp0(was, hand) != 0;
        bool by_migration = g_strcmp0(was, migration) != 0;
        add(merged, item->kind, item->role, item->name, item->privilege,
            by_hand ? hand : migration);
        if (by_hand && by_migration && g_strcmp0(hand, migration) != 0 && notes) {
            g_autofree char *what = describe(item, owner);
            g_ptr_array_add(notes, g_strdup_printf("%s was changed during the run and by a "
                                                   "migration: the change during the run is kept",
                                                   what));
        }
    }
    merged->database = g_strdup(live->database);
    merged->default_acl = before->default_acl && live->default_acl && work->default_acl;
    merged->facts = json_deep_copy(work->facts);
    return merged;
}

/* A grant names the owner, so that each side must be seen with its own owner's name. */
static void add_owner_difference(GPtrArray *lines, const char *expected, const char *actual)
{
    if (g_strcmp0(expected, actual) == 0)
        return;
    g_autofree char *line =
        g_strdup_printf("owner is '%s' and should be '%s'", actual ? actual : "", expected);
    g_ptr_array_add(lines, text_printable(line));
}

GPtrArray *pg_properties_compare(const PgProperties *expected, const PgProperties *actual)
{
    const PgProperties *sets[] = {expected, actual};
    g_autoptr(GPtrArray) all = all_items(sets, G_N_ELEMENTS(sets));
    const char *owner = properties_value(expected, PROPERTY_OWNER);
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    add_owner_difference(lines, owner, properties_value(actual, PROPERTY_OWNER));
    for (guint i = 0; i < all->len; i++) {
        const Property *item = all->pdata[i];
        const char *should = value_in(expected, item);
        const char *is = value_in(actual, item);
        if (item->kind == PROPERTY_OWNER || g_strcmp0(should, is) == 0)
            continue;
        g_autofree char *what = describe(item, owner);
        g_ptr_array_add(lines, g_strdup_printf("%s %s", what,
                                               !is       ? "is missing"
                                               : !should ? "should not be there"
                                                         : "differs"));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(COMPARED_FACTS); i++) {
        const char *should = json_get_text(expected->facts, COMPARED_FACTS[i]);
        const char *is = json_get_text(actual->facts, COMPARED_FACTS[i]);
        if (g_strcmp0(should, is) != 0)
            g_ptr_array_add(lines,
                            g_strdup_printf("%s is '%s' and should be '%s'", COMPARED_FACTS[i],
                                            is ? is : "", should ? should : ""));
    }
    return lines;
}
