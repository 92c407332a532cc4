
/*
 * The trie: rules go in while the configuration is read, the one rule for a
 * method and a path comes out at each request.
 *
 * A node is a path's beginning.  Its literal children stand in a hash table, so
 * that a look-up costs the same for ten routes and for ten thousand.
 */


#include "ngx_leadgen_policy.h"


typedef struct ngx_leadgen_trie_node_s  ngx_leadgen_trie_node_t;


typedef struct {
    const ngx_leadgen_rule_t  *rules[NGX_LEADGEN_NMETHODS];
    ngx_uint_t                 methods;      /* bits: which rules there are */
} ngx_leadgen_trie_leaf_t;


struct ngx_leadgen_trie_node_s {
    ngx_str_t                  segment;
    uint32_t                   hash;

    uint32_t                   mask;         /* of the table's size */
    ngx_leadgen_trie_node_t  **table;        /* NULL: no literal children */
    ngx_leadgen_trie_node_t   *param;        /* ":name" */
    ngx_leadgen_trie_leaf_t   *rest;         /* "**" */
    ngx_leadgen_trie_leaf_t    leaf;         /* rules that end here */

    ngx_leadgen_trie_node_t   *children;     /* a list, until compiled */
    ngx_leadgen_trie_node_t   *sibling;
    ngx_uint_t                 nchildren;
};


struct ngx_leadgen_trie_s {
    ngx_pool_t                *pool;
    ngx_uint_t                 count;
    ngx_leadgen_trie_node_t    root;
};


typedef struct {
    ngx_uint_t                 method;
    u_char                    *last;
    ngx_leadgen_match_t       *match;
} ngx_leadgen_trie_walk_t;


static ngx_leadgen_trie_leaf_t *ngx_leadgen_trie_leaf(
    ngx_leadgen_trie_t *trie, const ngx_str_t *path);
static ngx_leadgen_trie_node_t *ngx_leadgen_trie_child(
    ngx_leadgen_trie_t *trie, ngx_leadgen_trie_node_t *node,
    ngx_str_t *segment);
static ngx_int_t ngx_leadgen_trie_compile_node(ngx_leadgen_trie_t *trie,
    ngx_leadgen_trie_node_t *node);
static ngx_uint_t ngx_leadgen_trie_step(const ngx_leadgen_trie_walk_t *walk,
    const ngx_leadgen_trie_node_t *node, u_char *p, ngx_uint_t nparams);
static ngx_uint_t ngx_leadgen_trie_take(const ngx_leadgen_trie_walk_t *walk,
    const ngx_leadgen_trie_leaf_t *leaf);
static const ngx_leadgen_trie_node_t *ngx_leadgen_trie_literal(
    const ngx_leadgen_trie_node_t *node, u_char *data, size_t len,
    uint32_t hash);


static ngx_inline uint32_t
ngx_leadgen_trie_hash(uint32_t hash, u_char c)
{
    return (hash ^ c) * 16777619u;
}


ngx_leadgen_trie_t *
ngx_leadgen_trie_create(ngx_pool_t *pool)
{
    ngx_leadgen_trie_t  *trie;

    trie = ngx_pcalloc(pool, sizeof(ngx_leadgen_trie_t));
    if (trie) {
        trie->pool = pool;
    }

    return trie;
}


const ngx_leadgen_rule_t *
ngx_leadgen_trie_add(ngx_leadgen_trie_t *trie, const ngx_leadgen_rule_t *rule)
{
    ngx_uint_t                method;
    ngx_leadgen_trie_leaf_t  *leaf;

    leaf = ngx_leadgen_trie_leaf(trie, &rule->path);
    if (leaf == NULL) {
        return rule;
    }

    for (method = 0; method < NGX_LEADGEN_NMETHODS; method++) {

        if (!(rule->methods & 1 << method)) {
            continue;
        }

        if (leaf->rules[method]) {
            return leaf->rules[method];
        }

        leaf->rules[method] = rule;
        leaf->methods |= 1 << method;
    }

    trie->count++;

    return NULL;
}


static ngx_leadgen_trie_leaf_t *
ngx_leadgen_trie_leaf(ngx_leadgen_trie_t *trie, const ngx_str_t *path)
{
    u_char                   *p, *last, *slash;
    ngx_str_t                 segment;
    ngx_uint_t                depth;
    ngx_leadgen_trie_node_t  *node;

    node = &trie->root;
    last = path->data + path->len;
    p = path->data + 1;

    for (depth = 0; depth < NGX_LEADGEN_MAX_SEGMENTS; depth++) {

        slash = ngx_strlchr(p, last, '/');

        segment.data = p;
        segment.len = (slash ? slash : last) - p;

        if (segment.len == 2 && p[0] == '*' && p[1] == '*') {
            if (node->rest == NULL) {
                node->rest = ngx_pcalloc(trie->pool,
                                         sizeof(ngx_leadgen_trie_leaf_t));
            }

            return node->rest;
        }

        node = ngx_leadgen_trie_child(trie, node, &segment);
        if (node == NULL) {
            return NULL;
        }

        if (slash == NULL) {
            return &node->leaf;
        }

        p = slash + 1;
    }

    return NULL;
}


static ngx_leadgen_trie_node_t *
ngx_leadgen_trie_child(ngx_leadgen_trie_t *trie, ngx_leadgen_trie_node_t *node,
    ngx_str_t *segment)
{
    ngx_uint_t                i;
    ngx_leadgen_trie_node_t  *child;

    if (segment->len && segment->data[0] == ':') {

        if (node->param == NULL) {
            node->param = ngx_pcalloc(trie->pool,
                                      sizeof(ngx_leadgen_trie_node_t));
        }

        return node->param;
    }

    for (child = node->children; child; child = child->sibling) {

        if (child->segment.len == segment->len
            && ngx_memcmp(child->segment.data, segment->data, segment->len)
               == 0)
        {
            return child;
        }
    }

    child = ngx_pcalloc(trie->pool, sizeof(ngx_leadgen_trie_node_t));
    if (child == NULL) {
        return NULL;
    }

    child->segment = *segment;
    child->hash = 0;

    for (i = 0; i < segment->len; i++) {
        child->hash = ngx_leadgen_trie_hash(child->hash, segment->data[i]);
    }

    child->sibling = node->children;
    node->children = child;
    node->nchildren++;

    return child;
}


ngx_int_t
ngx_leadgen_trie_compile(ngx_leadgen_trie_t *trie)
{
    return ngx_leadgen_trie_compile_node(trie, &trie->root);
}


/* Tables are at most half full, so that a miss ends soon, too. */

static ngx_int_t
ngx_leadgen_trie_compile_node(ngx_leadgen_trie_t *trie,
    ngx_leadgen_trie_node_t *node)
{
    uint32_t                  i;
    ngx_leadgen_trie_node_t  *child;

    if (node->param
        && ngx_leadgen_trie_compile_node(trie, node->param) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (node->nchildren == 0) {
        return NGX_OK;
    }

    node->mask = 1;

    while (node->mask < 2 * node->nchildren) {
        node->mask = node->mask << 1 | 1;
    }

    node->table = ngx_pcalloc(trie->pool, ((size_t) node->mask + 1)
                                          * sizeof(ngx_leadgen_trie_node_t *));
    if (node->table == NULL) {
        return NGX_ERROR;
    }

    for (child = node->children; child; child = child->sibling) {

        for (i = child->hash & node->mask;
             node->table[i];
             i = (i + 1) & node->mask)
        {
            /* void */
        }

        node->table[i] = child;

        if (ngx_leadgen_trie_compile_node(trie, child) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_leadgen_trie_find(const ngx_leadgen_trie_t *trie, ngx_uint_t method,
    const ngx_str_t *path, ngx_leadgen_match_t *match)
{
    ngx_leadgen_trie_walk_t  walk;

    match->rule = NULL;
    match->allowed = 0;

    if (path->len == 0 || path->data[0] != '/') {
        return;
    }

    walk.method = method;
    walk.last = path->data + path->len;
    walk.match = match;

    (void) ngx_leadgen_trie_step(&walk, &trie->root, path->data + 1, 0);
}


/*
 * One segment from p; p is NULL behind the last one.  Recursion ends with the
 * trie's depth, which is bounded by the configuration, not by the request.
 */

static ngx_uint_t
ngx_leadgen_trie_step(const ngx_leadgen_trie_walk_t *walk,
    const ngx_leadgen_trie_node_t *node, u_char *p, ngx_uint_t nparams)
{
    size_t                          len;
    u_char                         *end, *next;
    uint32_t                        hash;
    const ngx_leadgen_trie_node_t  *child;

    if (p == NULL) {
        return ngx_leadgen_trie_take(walk, &node->leaf);
    }

    hash = 0;

    for (end = p; end < walk->last && *end != '/'; end++) {
        hash = ngx_leadgen_trie_hash(hash, *end);
    }

    len = end - p;
    next = end < walk->last ? end + 1 : NULL;

    child = ngx_leadgen_trie_literal(node, p, len, hash);

    if (child && ngx_leadgen_trie_step(walk, child, next, nparams)) {
        return 1;
    }

    if (node->param && len) {
        walk->match->params[nparams].data = p;
        walk->match->params[nparams].len = len;

        if (ngx_leadgen_trie_step(walk, node->param, next, nparams + 1)) {
            return 1;
        }
    }

    return node->rest && len && ngx_leadgen_trie_take(walk, node->rest);
}


static ngx_uint_t
ngx_leadgen_trie_take(const ngx_leadgen_trie_walk_t *walk,
    const ngx_leadgen_trie_leaf_t *leaf)
{
    walk->match->allowed |= leaf->methods;

    if (walk->method >= NGX_LEADGEN_NMETHODS) {
        return 0;
    }

    walk->match->rule = leaf->rules[walk->method];

    return walk->match->rule != NULL;
}


static const ngx_leadgen_trie_node_t *
ngx_leadgen_trie_literal(const ngx_leadgen_trie_node_t *node, u_char *data,
    size_t len, uint32_t hash)
{
    uint32_t                        i;
    const ngx_leadgen_trie_node_t  *child;

    if (node->table == NULL) {
        return NULL;
    }

    for (i = hash & node->mask; /* void */ ; i = (i + 1) & node->mask) {
        child = node->table[i];

        if (child == NULL) {
            return NULL;
        }

        if (child->hash == hash
            && child->segment.len == len
            && ngx_memcmp(child->segment.data, data, len) == 0)
        {
            return child;
        }
    }
}


ngx_uint_t
ngx_leadgen_trie_count(const ngx_leadgen_trie_t *trie)
{
    return trie->count;
}
