#include "policy/outline.h"

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <string.h>
#include <yaml.h>

/* A policy needs three levels and a few entries; a file with more than this is not one. */
#define DEPTH_MAX 8
#define CHILDREN_MAX 1000

typedef struct {
    yaml_parser_t parser;
    const char *text;
    const char *source;
} Reader;

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_event_t, yaml_event_delete)

static OutlineNode *read_node(Reader *reader, const yaml_event_t *key, const yaml_event_t *event,
                              OutlineNode *parent, GError **error);

void outline_free(OutlineNode *node)
{
    if (node == NULL)
        return;
    g_clear_pointer(&node->children, g_ptr_array_unref);
    g_free(node->key);
    g_free(node->text);
    g_free(node);
}

static void free_child(gpointer node)
{
    outline_free(node);
}

static void refuse(const Reader *reader, const yaml_mark_t *mark, GError **error,
                   const char *format, ...) G_GNUC_PRINTF(4, 5);
static void refuse(const Reader *reader, const yaml_mark_t *mark, GError **error,
                   const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;
    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    error_set(error, ERROR_CONFIG, "%s:%zu:%zu: %s", reader->source, mark->line + 1,
              mark->column + 1, message);
}

/* The mark of a byte, for what libyaml and GLib report by offset. */
static yaml_mark_t mark_of_byte(const char *text, size_t offset)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

/* Whether a line is indented with a tab, which libyaml has several obscure messages for. */
static bool indented_by_tab(const char *text, size_t line)
{
    for (; line > 0 && text != NULL; line--) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    if (text == NULL)
        return false;
    return text[strspn(text, " ")] == '\t';
}

static bool next_event(Reader *reader, yaml_event_t *event, GError **error)
{
    const yaml_parser_t *parser = &reader->parser;
    if (yaml_parser_parse(&reader->parser, event) == 1)
        return true;
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        mark = mark_of_byte(reader->text, parser->problem_offset);
    if (indented_by_tab(reader->text, mark.line))
        refuse(reader, &mark, error, "the line begins with a tab; YAML is indented with spaces");
    else
        refuse(reader, &mark, error, "this is not YAML: %s%s%s",
               parser->context != NULL ? parser->context : "", parser->context != NULL ? ", " : "",
               parser->problem != NULL ? parser->problem : "out of memory");
    return false;
}

/* Anchors and tags are legal YAML that makes a policy mean something else than what it seems to
 * say. */
static bool check_plain(const Reader *reader, const yaml_event_t *event, GError **error)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        anchor = event->data.alias.anchor;
        break;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    default:
        break;
    }
    if (anchor != NULL) {
        refuse(reader, &event->start_mark, error,
               "anchors and aliases ('%c%s') are not accepted in a policy; write the value out",
               event->type == YAML_ALIAS_EVENT ? '*' : '&', (const char *)anchor);
        return false;
    }
    if (tag != NULL) {
        g_autofree char *printable = text_printable((const char *)tag);
        refuse(reader, &event->start_mark, error, "tags ('%s') are not accepted in a policy",
               printable);
        return false;
    }
    return true;
}

static bool check_characters(const Reader *reader, const yaml_event_t *event, GError **error)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *end = text + event->data.scalar.length;
    for (; text < end; text = g_utf8_next_char(text)) {
        if (g_unichar_iscntrl(g_utf8_get_char(text))) {
            refuse(reader, &event->start_mark, error,
                   "a key or value must be on one line, without control characters");
            return false;
        }
    }
    return true;
}

static int depth_of(const OutlineNode *node)
{
    int depth = 0;
    for (; node != NULL; node = node->parent)
        depth++;
    return depth;
}

static bool is_null(const yaml_event_t *event)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           g_strv_contains(nulls, (const char *)event->data.scalar.value);
}

static bool add_child(const Reader *reader, OutlineNode *parent, OutlineNode *child,
                      const yaml_event_t *event, GError **error)
{
    if (child == NULL)
        return false;
    g_ptr_array_add(parent->children, child);
    if (parent->children->len <= CHILDREN_MAX)
        return true;
    refuse(reader, &event->start_mark, error, "more than %d entries", CHILDREN_MAX);
    return false;
}

static bool read_list(Reader *reader, OutlineNode *list, GError **error)
{
    for (;;) {
        g_auto(yaml_event_t) event = {0};
        if (!next_event(reader, &event, error))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            return true;
        if (!add_child(reader, list, read_node(reader, NULL, &event, list, error), &event, error))
            return false;
    }
}

/* The event of a key: one plain word, not given before in this mapping. */
static bool check_key(const Reader *reader, const yaml_event_t *event, const OutlineNode *mapping,
                      GError **error)
{
    const OutlineNode *earlier = NULL;
    if (!check_plain(reader, event, error))
        return false;
    if (event->type != YAML_SCALAR_EVENT) {
        refuse(reader, &event->start_mark, error, "a key must be a word, not a list or mapping");
        return false;
    }
    if (!check_characters(reader, event, error))
        return false;
    earlier = outline_key(mapping, (const char *)event->data.scalar.value);
    if (earlier != NULL) {
        g_autofree char *name = outline_name(earlier);
        refuse(reader, &event->start_mark, error, "%s is given twice; the first is on line %d",
               name, earlier->key_line);
        return false;
    }
    return true;
}

static bool read_mapping(Reader *reader, OutlineNode *mapping, GError **error)
{
    for (;;) {
        g_auto(yaml_event_t) key = {0};
        g_auto(yaml_event_t) value = {0};
        if (!next_event(reader, &key, error))
            return false;
        if (key.type == YAML_MAPPING_END_EVENT)
            return true;
        if (!check_key(reader, &key, mapping, error) || !next_event(reader, &value, error))
            return false;
        if (!add_child(reader, mapping, read_node(reader, &key, &value, mapping, error), &key,
                       error))
            return false;
    }
}

/* Reads the value that event begins; key is the event of its key, NULL in a list. */
static OutlineNode *read_node(Reader *reader, const yaml_event_t *key, const yaml_event_t *event,
                              OutlineNode *parent, GError **error)
{
    g_autoptr(OutlineNode) node = g_new0(OutlineNode, 1);
    bool done = true;
    if (!check_plain(reader, event, error))
        return NULL;
    if (depth_of(parent) >= DEPTH_MAX) {
        refuse(reader, &event->start_mark, error, "lists and mappings are nested too deeply");
        return NULL;
    }
    node->parent = parent;
    if (key != NULL) {
        node->key = g_strdup((const char *)key->data.scalar.value);
        node->key_line = (int)key->start_mark.line + 1;
        node->key_column = (int)key->start_mark.column + 1;
    }
    node->line = (int)event->start_mark.line + 1;
    node->column = (int)event->start_mark.column + 1;
    if (event->type == YAML_SCALAR_EVENT) {
        node->kind = is_null(event) ? OUTLINE_EMPTY : OUTLINE_TEXT;
        node->text = g_strdup((const char *)event->data.scalar.value);
        done = check_characters(reader, event, error);
    } else {
        node->kind = event->type == YAML_SEQUENCE_START_EVENT ? OUTLINE_LIST : OUTLINE_MAPPING;
        node->children = g_ptr_array_new_with_free_func(free_child);
        done = node->kind == OUTLINE_LIST ? read_list(reader, node, error)
                                          : read_mapping(reader, node, error);
    }
    return done ? g_steal_pointer(&node) : NULL;
}

/* The events around a document: stream start, document start, its root, document end, stream end.
 */
static OutlineNode *read_file(Reader *reader, GError **error)
{
    g_auto(yaml_event_t) stream_start = {0};
    g_auto(yaml_event_t) document = {0};
    g_auto(yaml_event_t) root = {0};
    g_auto(yaml_event_t) document_end = {0};
    g_auto(yaml_event_t) stream_end = {0};
    g_autoptr(OutlineNode) node = NULL;
    if (!next_event(reader, &stream_start, error) || !next_event(reader, &document, error))
        return NULL;
    if (document.type == YAML_STREAM_END_EVENT) {
        error_set(error, ERROR_CONFIG, "%s:1:1: the file is empty", reader->source);
        return NULL;
    }
    if (!next_event(reader, &root, error))
        return NULL;
    node = read_node(reader, NULL, &root, NULL, error);
    if (node == NULL || !next_event(reader, &document_end, error) ||
        !next_event(reader, &stream_end, error))
        return NULL;
    if (stream_end.type != YAML_STREAM_END_EVENT) {
        refuse(reader, &stream_end.start_mark, error,
               "a second document begins here; a policy is one document");
        return NULL;
    }
    return g_steal_pointer(&node);
}

OutlineNode *outline_parse(const char *text, size_t size_bytes, const char *source, GError **error)
{
    Reader reader = {.text = text, .source = source};
    OutlineNode *root = NULL;
    const char *invalid = NULL;
    if (!g_utf8_validate(text, (gssize)size_bytes, &invalid)) {
        const yaml_mark_t mark = mark_of_byte(text, (size_t)(invalid - text));
        refuse(&reader, &mark, error, "the file is not UTF-8 text");
        return NULL;
    }
    if (yaml_parser_initialize(&reader.parser) != 1)
        g_error("out of memory");
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size_bytes);
    root = read_file(&reader, error);
    yaml_parser_delete(&reader.parser);
    return root;
}

const OutlineNode *outline_key(const OutlineNode *node, const char *key)
{
    for (guint i = 0; node->kind == OUTLINE_MAPPING && i < node->children->len; i++) {
        const OutlineNode *child = g_ptr_array_index(node->children, i);
        if (strcmp(child->key, key) == 0)
            return child;
    }
    return NULL;
}

const OutlineNode *outline_entry(const OutlineNode *node, size_t index)
{
    if (node->kind != OUTLINE_LIST || index >= node->children->len)
        return NULL;
    return g_ptr_array_index(node->children, index);
}

const OutlineNode *outline_first_empty(const OutlineNode *node)
{
    const OutlineNode *found = node->kind == OUTLINE_EMPTY ? node : NULL;
    for (guint i = 0; found == NULL && node->children != NULL && i < node->children->len; i++)
        found = outline_first_empty(g_ptr_array_index(node->children, i));
    return found;
}

/* "fence.drain", without the quotes; NULL for the whole file. */
static char *dotted_name(const OutlineNode *node)
{
    g_autofree char *parent = NULL;
    g_autofree char *key = NULL;
    if (node->key == NULL)
        return NULL;
    key = text_printable(node->key);
    parent = node->parent != NULL ? dotted_name(node->parent) : NULL;
    return parent != NULL ? g_strdup_printf("%s.%s", parent, key) : g_steal_pointer(&key);
}

char *outline_name(const OutlineNode *node)
{
    g_autofree char *dotted = dotted_name(node);
    g_autofree char *list = NULL;
    guint index = 0;
    if (dotted != NULL)
        return g_strdup_printf("'%s'", dotted);
    if (node->parent == NULL)
        return g_strdup("the policy");
    list = outline_name(node->parent);
    if (!g_ptr_array_find(node->parent->children, node, &index))
        return g_strdup_printf("an entry of %s", list);
    return g_strdup_printf("entry %u of %s", index + 1, list);
}

const char *outline_kind_name(OutlineKind kind)
{
    static const char *const names[] = {"text", "empty", "a list", "a mapping"};
    return names[kind];
}
