"""The demo: real division codes and county shapes of Guangdong, and a made-up district to look at."""
