#!/usr/bin/env python3
"""
Makes a company out of a seed, as a file for `chasquictl user import`: departments as a tree, accounts with
names of random syllables, each in one department or two, managers, rules, friends. The same options give
the same bytes.
"""
import argparse
import random
import sys

SYLLABLES = [c + v for c in 'bdfghjklmnprstvz' for v in 'aeiou'] + ['chi', 'sho', 'tri', 'qua', 'yen', 'wol']
RIGHTS = ['see', 'see,presence', 'see,presence,search', 'see,presence,search,message', 'all']


def word(r, least, most):
    return ''.join(r.choice(SYLLABLES) for _ in range(r.randint(least, most))).capitalize()


def departments(r, n):
    """Paths, each below one that stands before it; at most six deep."""
    paths = ['Company']
    for i in range(1, n):
        above = paths[r.randrange(min(len(paths), max(1, n // 8)))]
        while above.count('/') >= 5:
            above = above.rsplit('/', 1)[0]
        paths.append(f'{above}/{word(r, 2, 3)} {i}')
    return paths


def rule(r, paths, i):
    if i == 0:
        return 'allow,"see,presence,search,message",tree(Company),managers(*),'
    one, other = (r.choice(paths) for _ in range(2))
    effect = 'deny' if r.random() < 0.2 else 'allow'
    return f'{effect},"{r.choice(RIGHTS)}","tree(""{one}"")","members(""{other}"")",rule {i}'


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--accounts', type=int, default=1_000_000)
    p.add_argument('--departments', type=int, default=2_000)
    p.add_argument('--rules', type=int, default=50)
    p.add_argument('--friends', type=int, default=100_000)
    p.add_argument('--seed', type=int, default=1)
    a = p.parse_args()
    r = random.Random(a.seed)
    out = sys.stdout
    paths = departments(r, max(1, a.departments))
    out.write('[departments]\npath\n')
    out.writelines(f'{path}\n' for path in paths)
    out.write('[accounts]\nlogin,name,title,number\n')
    given = [word(r, 2, 3) for _ in range(3000)]
    family = [word(r, 2, 4) for _ in range(30000)]
    for i in range(a.accounts):
        out.write(f'u{i},{r.choice(given)} {r.choice(family)},Position {r.randrange(200)},{100000 + i}\n')
    out.write('[members]\ndepartment,login,manager\n')
    managed = set()
    for i in range(a.accounts):
        for d in {r.randrange(len(paths)), *([r.randrange(len(paths))] if r.random() < 0.1 else [])}:
            out.write(f'{paths[d]},u{i},{"false" if d in managed else "true"}\n')
            managed.add(d)
    out.write('[rules]\neffect,rights,subjects,objects,note\n')
    out.writelines(f'{rule(r, paths, i)}\n' for i in range(a.rules))
    out.write('[friends]\nlogin,friend,state\n')
    seen = set()
    while a.accounts > 1 and len(seen) < min(a.friends, a.accounts * (a.accounts - 1) // 4):
        one, other = r.randrange(a.accounts), r.randrange(a.accounts)
        pair = (min(one, other), max(one, other))
        if one != other and pair not in seen:
            seen.add(pair)
            out.write(f'u{one},u{other},friends\n')


if __name__ == '__main__':
    main()
